"""The main process of a worker: Celery, the reconciler, and the watch over the pool child."""

import logging
import os
import secrets
from typing import Any

from billiard import get_context, process
from celery import signals
from setproctitle import setproctitle

from lockstep.service.bell import Ringer
from lockstep.service.reconciler import Reconciler
from lockstep.service.runtime import NoFolder, RuntimeFolder, sweep
from lockstep.service.settings import Settings, SettingsError, read_settings
from lockstep.service.store import evictions
from lockstep.service.store.address import BadAddress
from lockstep.service.store.database import Database
from lockstep.worker.app import make_app, serve, set_up_logging
from lockstep.worker.lifeline import ChildWatch
from lockstep.worker.options import WorkerOptions

logger = logging.getLogger(__name__)


CELERYS_OWN = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
"""Variables, of another program perhaps, that Celery puts above its configuration."""


class CannotStart(Exception):
    """No worker can run here; the message says what is in the way and what to do."""


def run() -> int:
    """Run a worker until SIGTERM or SIGINT; returns the exit status. Raises CannotStart."""
    sweep()
    for name in CELERYS_OWN:
        os.environ.pop(name, None)
    try:
        settings = read_settings()
        database = Database(settings.database_url)
        folder = RuntimeFolder.make()
    except (SettingsError, NoFolder) as error:
        raise CannotStart(str(error)) from error
    except BadAddress as error:
        raise CannotStart(f"LOCKSTEP_DATABASE_URL: {error}") from error
    set_up_logging(settings.log_level)
    try:
        _name_semaphores(folder)
        return _work(settings, database, folder)
    finally:
        database.dispose()
        folder.remove()


def _name_semaphores(folder: RuntimeFolder) -> None:
    """Name the pool's semaphores after the folder, so that `sweep` finds them; raises CannotStart."""
    of_this_process: Any = process.current_process()  # its types lack the names of semaphores
    of_this_process._config["semprefix"] = folder.semaphore_prefix
    try:
        get_context("spawn").Lock()
    except OSError as error:
        raise CannotStart(
            f"the pool's semaphores can't be made ({error.strerror}): /dev/shm must be there, be writable "
            "and have room (a container takes `--tmpfs /dev/shm` or `--shm-size 64m`)"
        ) from error


def _work(settings: Settings, database: Database, folder: RuntimeFolder) -> int:
    worker_id = f"worker_{secrets.token_hex(8)}"
    setproctitle(f"lockstep worker {worker_id}")
    with (
        Ringer(settings.broker_url) as bell,
        Reconciler(database, bell, settings.reconcile_seconds, host_rest_seconds=settings.host_rest_seconds),
    ):

        def evict(pid: int) -> None:
            with database.write() as tx:
                evicted = evictions.evict_process(tx, worker_id, pid, settings.host_rest_seconds)
            for job_id in evicted:
                logger.warning("action=evicted job=%s reason=process_died pid=%d", job_id, pid)
                bell.ring("lead", job_id)

        watch = ChildWatch(folder.path, evict)
        watch.start()
        signals.worker_shutting_down.connect(lambda **_: watch.drain(), weak=False)
        options = WorkerOptions(settings=settings, worker_id=worker_id, lifeline_path=watch.path)
        logger.info("action=worker_started worker=%s", worker_id)
        try:
            status = serve(make_app(options), lambda: watch.reported)
        finally:
            watch.close()
    logger.info("action=worker_stopped worker=%s status=%d", worker_id, status)
    return status
