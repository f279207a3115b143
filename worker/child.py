"""The pool child of a worker: where the training happens. It lives on from job to job."""

import gc
import os
import socket

from setproctitle import setproctitle

from lockstep.core.ground.arithmetic import lineage
from lockstep.core.group.fingerprint import numerics_fingerprint, numerics_parts
from lockstep.service.bell import Ringer, TaskName
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.worker.lifeline import Lifeline
from lockstep.worker.options import WorkerOptions
from lockstep.worker.pulse import Watchdog, end_process, end_process_without_looks
from lockstep.worker.runner import Runner
from lockstep.worker.tools import Tools


class PoolChild:
    """The runner and what it works with."""

    def __init__(self, options: WorkerOptions) -> None:
        setproctitle(f"lockstep worker {options.worker_id}: pool child")
        self._database = Database(options.settings.database_url)
        self._bell = Ringer(options.settings.broker_url)
        *earlier, fingerprint = lineage(numerics_fingerprint())
        worker = WorkerIdentity(
            worker_id=options.worker_id,
            pid=os.getpid(),
            host=socket.gethostname(),
            fingerprint=fingerprint,
            earlier=tuple(earlier),
            parts={str(part): sha256 for part, sha256 in numerics_parts().items()},
        )
        tools = Tools(database=self._database, bell=self._bell, settings=options.settings, worker=worker)
        self._runner = Runner(tools)
        self._watchdog = Watchdog(tools.pulse, end_process, end_process_without_looks)
        self._lifeline = Lifeline(options.lifeline_path, self._runner.drain)

    def start(self) -> None:
        """Report to the main process, then start to work: no claim is held unseen."""
        gc.freeze()  # what was imported stays: a collection takes 1 ms then, not 160
        self._lifeline.start()
        self._bell.start()
        self._watchdog.start()
        self._runner.start()

    def answer(self, task: TaskName, job_id: str) -> None:
        """See Runner."""
        self._runner.answer(task, job_id)

    def drain(self, seconds: float) -> None:
        """Let the runner finish its step, save and let go; waits `seconds` at most."""
        self._runner.drain()
        self._runner.join(seconds)
        self._bell.close()
        self._database.dispose()
