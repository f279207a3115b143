"""The doorbell: tells workers through the broker that there is something to do.

A ring carries a task's name and a job's id and nothing else. The database is the truth: a ring that is lost,
doubled or late harms nothing, because the reconciler rings again and idle workers look by themselves.
So nothing waits for a ring: `Ringer.ring` only notes it, and a thread publishes it.
"""

import contextlib
import importlib
import logging
import ssl
import threading
from typing import Any, Literal, Protocol, cast, get_args
from urllib.parse import parse_qsl, urlsplit

from celery import Celery
from celery.loaders.app import AppLoader
from kombu import Connection, Exchange, Producer, Queue
from kombu.transport import virtual

from lockstep.service.background import Background

logger = logging.getLogger(__name__)

TaskName = Literal["lead", "help"]
"""The two tasks; each has the queue of its own name."""

MAX_PENDING_RINGS = 1000
"""Rings that wait here for the broker; more are dropped."""
MAX_WAITING_RINGS = 100
"""Rings in one queue of the broker. So many mean that nobody listens; more would only pile up."""
CONNECT_TIMEOUT_SECONDS = 2.0
RETRY_SECONDS = 1.0
"""How long to wait between two tries while the broker is away."""
LOOK_SECONDS = 5.0
"""How often to look for the broker while nothing is to be rung."""


class Bell(Protocol):
    """Something that can ring for a job."""

    def ring(self, task: TaskName, job_id: str) -> None:
        """Ask a worker to run `task` for `job_id`; never waits and never raises."""


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Celery's settings that those who ring and those who listen must share.

    Any is Celery's own type for a value of its configuration.
    """
    return {
        "broker_url": broker_url,
        "broker_use_ssl": tls_of(broker_url),
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry": False,
        "task_create_missing_queues": False,
        "task_default_queue": "lead",
        # Own exchanges: queues without one would share the default queue's, and each ring would go to both.
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in get_args(TaskName)],
        "broker_connection_timeout": CONNECT_TIMEOUT_SECONDS,
        "broker_pool_acquire_timeout": CONNECT_TIMEOUT_SECONDS,
        "broker_transport_options": {
            "global_keyprefix": "lockstep:",
            # Covers only what was delivered and not yet acknowledged; tasks acknowledge before they start.
            "visibility_timeout": 120,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_on_timeout": False,
            "max_connections": 20,
        },
    }


def tls_of(broker_url: str) -> dict[str, Any] | None:
    """For rediss://: the broker's certificate is looked at, and must be its host's; the address may say else.

    Kombu would take any certificate.
    """
    parts = urlsplit(broker_url)
    if parts.scheme != "rediss":
        return None
    said = {name for name, _ in parse_qsl(parts.query)}
    wanted: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return None if "ssl_cert_reqs" in said else wanted


class Loader(AppLoader):
    """Celery's loader, except that it does not put the working folder first in the import path."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:  # noqa: ARG002
        """Import a module as any other."""
        return importlib.import_module(module, package)

    def find_module(self, module: str) -> Any:
        """See import_from_cwd."""
        return importlib.import_module(module)


class Ringer(Background):
    """A bell on a Celery broker, with one thread that publishes; use as a context manager or start and close.

    A broker that is away is logged once; what is noted meanwhile is rung when it is back. `reached`: whether
    it answered the last time, a few seconds ago at most.
    """

    def __init__(self, broker_url: str) -> None:
        self._app = Celery(
            "lockstep",
            set_as_current=False,
            loader=Loader,
            fixups=[],  # Django's, where DJANGO_SETTINGS_MODULE is set, puts the working folder there too
            config_source=celery_settings(broker_url),
        )
        self._url = broker_url
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._pending: dict[tuple[TaskName, str], None] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._away = False
        self.reached = False
        self._thread = threading.Thread(target=self._publish_all, name="lockstep-ringer", daemon=True)

    def start(self) -> None:
        """Start publishing; connects at once, so that the first ring need not."""
        self._thread.start()

    def ring(self, task: TaskName, job_id: str) -> None:
        """Note a ring; one that is already noted is not noted twice."""
        with self._changed:
            if len(self._pending) < MAX_PENDING_RINGS:
                self._pending[(task, job_id)] = None
                self._changed.notify()

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Publish what is noted if that takes less than `timeout_seconds`, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    def _publish_all(self) -> None:
        self._try(None)
        while self._wait():
            ring = self._take()
            if not self._try(ring) and ring is not None:
                with self._changed:
                    self._pending = {ring: None, **self._pending}
        self._disconnect()

    def _wait(self) -> bool:
        """Wait for a ring or the time to look, and a pause while the broker is away; False: time to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing, LOOK_SECONDS)
            if self._away:
                self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)
            return not self._closing or (bool(self._pending) and not self._away)

    def _take(self) -> tuple[TaskName, str] | None:
        with self._changed:
            ring = next(iter(self._pending), None)
            if ring is not None:
                del self._pending[ring]
            return ring

    def _try(self, ring: tuple[TaskName, str] | None) -> bool:
        """Publish a ring (or only look for the broker); a connection that has gone stale is replaced once."""
        stale = self._connection is not None
        try:
            try:
                self._publish(ring)
            except Exception:
                self._disconnect()
                if not stale:
                    raise
                self._publish(ring)
        except Exception as error:
            # Whatever broke, the thread must live on: the next ring may find the broker back.
            self._disconnect()
            if not self._away:
                logger.warning(
                    "action=broker_away error=%s: workers look into the database by themselves", error
                )
            self._away, self.reached = True, False
            return False
        if self._away:
            logger.info("action=broker_back")
        self._away, self.reached = False, True
        return True

    def _publish(self, ring: tuple[TaskName, str] | None) -> None:
        producer = self._producer or self._connect()
        # Redis is a "virtual" transport of Kombu's: declaring a queue only counts what waits in it.
        channel = cast(virtual.Channel, producer.channel)
        if ring is None:
            channel.queue_declare("lead")
            return
        task, job_id = ring
        if channel.queue_declare(task).message_count >= MAX_WAITING_RINGS:
            logger.debug("action=ring_dropped task=%s job=%s", task, job_id)
            return
        self._app.send_task(
            task, args=[job_id], queue=task, declare=[], producer=producer, retry=False, ignore_result=True
        )

    def _connect(self) -> Producer:
        self._connection = self._app.connection_for_write(self._url)  # CELERY_BROKER_URL may be another's
        # Kombu's own defaults would try for ever, with growing pauses.
        self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        self._producer = self._app.amqp.Producer(self._connection.channel(), auto_declare=False)
        return self._producer

    def _disconnect(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()
