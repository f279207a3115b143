"""The main process of a worker: Celery, the reconciler, and the watch over the pool child."""

import logging
import secrets

from celery import signals
from setproctitle import setproctitle

from service.bell import Ringer
from service.reconciler import Reconciler
from service.settings import Settings
from service.store import evictions
from service.store.database import Database
from worker.app import make_app, serve, set_up_logging
from worker.lifeline import ChildWatch
from worker.options import WorkerOptions

logger = logging.getLogger(__name__)


def run() -> int:
    """Run a worker until SIGTERM or SIGINT; returns the exit status."""
    settings = Settings()
    set_up_logging(settings.log_level)
    worker_id = f"worker_{secrets.token_hex(8)}"
    setproctitle(f"lockstep worker {worker_id}")
    database = Database(settings.database_url)
    with Ringer(settings.broker_url) as bell, Reconciler(database, bell, settings.reconcile_seconds):

        def evict(pid: int) -> None:
            with database.write() as tx:
                evicted = evictions.evict_process(tx, worker_id, pid)
            for job_id in evicted:
                logger.warning("action=evicted job=%s reason=process_died pid=%d", job_id, pid)
                bell.ring("lead", job_id)

        watch = ChildWatch(evict)
        watch.start()
        signals.worker_shutting_down.connect(lambda **_: watch.drain(), weak=False)
        options = WorkerOptions(settings=settings, worker_id=worker_id, lifeline_path=watch.path)
        logger.info("action=worker_started worker=%s", worker_id)
        try:
            status = serve(make_app(options))
        finally:
            watch.close()
            database.dispose()
    logger.info("action=worker_stopped worker=%s status=%d", worker_id, status)
    return status
