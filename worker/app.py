"""The Celery application of a worker: how tasks come in, how the pool child is kept alive.

Celery carries doorbells and runs the pool, nothing more. Three things are changed in it, each for a reason
given below: how it waits for a broker, how soon it replaces a dead child, and what a child does at its start.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps, signals
from celery.exceptions import WorkerShutdown, WorkerTerminate
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from kombu import Connection
from kombu.exceptions import OperationalError

from lockstep.service.bell import Loader, celery_settings
from lockstep.worker.nursery import Nursery
from lockstep.worker.options import WorkerOptions

logger = logging.getLogger(__name__)

RESPAWN_SECONDS = 0.2
BROKER_RETRY_SECONDS = 1.0
DRAIN_SECONDS = 20.0
"""How long a leaving child waits for its step, its checkpoint and the release of its claim."""


class WorkerApp(Celery):
    """A Celery application that carries `options` to the pool child; the main process has a nursery too."""

    nursery: Nursery

    def __init__(self, *args: Any, options: WorkerOptions, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = options

    def __reduce_keys__(self) -> dict[str, Any]:
        """The keyword arguments from which the spawned child builds its application."""
        keys: dict[str, Any] = super().__reduce_keys__()
        return {**keys, "options": self.options}


class PatientConsumer(Consumer):
    """Waits for an absent broker at an even pace, and goes on looking after the pool meanwhile.

    Celery's own loop pauses up to 32 seconds between two tries, and during it a dead child is not replaced:
    then a worker whose broker is away could not even look for work by itself.
    """

    app: Any  # WorkerApp
    hub: Any  # kombu's event loop; celery-types lacks it
    controller: Any  # the WorkController, likewise
    told = False

    def ensure_connected(self, conn: Connection) -> Connection:
        """Return `conn`, connected; tries until it answers or the worker is told to stop."""
        absences: tuple[type[BaseException], ...] = (OperationalError, *conn.recoverable_connection_errors)
        while True:
            try:
                conn.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            except absences as error:
                self._look_after_pool(conn, error)
                continue
            if self.told:
                logger.info("action=broker_back")
            self.told = self.first_connection_attempt = False
            return conn

    def _look_after_pool(self, conn: Connection, error: BaseException) -> None:
        if not self.told:
            url = conn.as_uri()  # without the password
            logger.warning("action=broker_away url=%s error=%s: polling the database", url, error)
            # Only a pool that knows the event loop can replace its children.
            self.controller.register_with_event_loop(self.hub)
        self.told = True
        until = time.monotonic() + BROKER_RETRY_SECONDS
        while time.monotonic() < until:
            maybe_shutdown()
            self.app.nursery.look(self.pool)
            time.sleep(RESPAWN_SECONDS)


class KeepPool(bootsteps.StartStopStep):
    """Replaces a dead child at once; Celery looks only every 5 seconds at a child that ran no task."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Start looking; `parent` is the consumer."""
        self._timer = parent.hub.call_repeatedly(RESPAWN_SECONDS, parent.app.nursery.look, parent.pool)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  (Celery's signature)
        """Stop looking."""
        self._timer.cancel()


class WorkerLoader(Loader):
    """Sets up logging in both processes and starts the runner in the pool child."""

    app: WorkerApp

    def on_worker_init(self) -> None:
        """Keep Celery from setting up logging of its own."""
        signals.setup_logging.connect(self._set_up_logging, weak=False)

    def _set_up_logging(self, **_: object) -> None:
        set_up_logging(self.app.options.settings.log_level)

    def on_worker_process_init(self) -> None:
        """Start the child's work. Imported here, since the main process needs no NumPy."""
        from lockstep.worker.child import PoolChild

        self._set_up_logging()
        self.child = PoolChild(self.app.options)
        self.child.start()
        signals.worker_process_shutdown.connect(self._leave, weak=False)

    def _leave(self, **_: object) -> None:
        self.child.drain(DRAIN_SECONDS)


def set_up_logging(level: str) -> None:
    """One line per event on standard error; Celery's own chatter only from WARNING on."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(process)d %(name)s %(message)s")
    for name in ("celery", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.WARNING)


def make_app(options: WorkerOptions) -> WorkerApp:
    """Build the worker's Celery application. Messages are doorbells: early ack, no results, no retries."""
    app = WorkerApp(
        "lockstep",
        options=options,
        loader=WorkerLoader,
        fixups=[],  # see Ringer
        include=["lockstep.worker.tasks"],
    )
    app.conf.update(celery_settings(options.settings.broker_url))
    app.conf.update(
        task_acks_late=False,  # the lease, not the broker, owns a running job
        task_reject_on_worker_lost=False,
        task_retry_on_worker_lost=False,
        worker_pool="prefork",
        worker_pool_start_method="spawn",
        worker_concurrency=1,
        worker_proc_alive_timeout=60.0,  # a child imports NumPy and takes its fingerprint before it reports
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # a busy worker must not keep a ring that an idle one could hear
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_consumer=PatientConsumer,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    app.steps["consumer"].add(KeepPool)
    return app


def serve(app: WorkerApp, reported: Callable[[], int]) -> int:
    """Run the worker in this process until SIGTERM; returns the exit status. `reported`: see Nursery."""
    app.nursery = Nursery(reported)
    worker = app.Worker(
        hostname=f"{app.options.worker_id}@lockstep",
        loglevel="WARNING",  # of billiard alone, see set_up_logging
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    try:
        worker.start()
    except (WorkerShutdown, WorkerTerminate):
        logger.debug("action=celery_stopped")
    return int(worker.exitcode or 0)
