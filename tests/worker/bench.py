"""A store with jobs in it, and a worker without processes: what the tests of the worker's parts stand on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from lockstep.core.learning.report import Points
from lockstep.core.submission import parse_job, resolve, total_steps
from lockstep.service.bell import TaskName
from lockstep.service.settings import GroupHelpers, Settings
from lockstep.service.store import events, evictions, history, jobs, leases, replays, workers
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.jobs import Job
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.replays import ReplayClaim
from lockstep.service.store.specs import take_apart
from lockstep.service.store.tables import jobs as job_table
from lockstep.worker.attempt import lead_job
from lockstep.worker.lease import Lease
from lockstep.worker.tools import Tools
from tests.specs import WHOLE_LINE
from tests.stored_jobs import keep

T = TypeVar("T")
FINGERPRINT = "f" * 64

LINE = WHOLE_LINE
LINE_DIGEST = "bbccf027c22f37d52c61f8849ce3c91000f68e5cc60bbb7016f2d66f32026986"

MOONS: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 16},
            {"type": "tanh"},
            {"type": "linear", "in": 16, "out": 2},
        ]
    },
    "data": {"generator": "moons", "size": 400, "noise": 0.1, "seed": 1, "validation_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "epochs": 40,
    "batch_size": 30,
    "seed": 7,
    "shards": 4,
}
"""Uneven batches (320 rows by 30), shards, a validation loss: what makes one step differ from another."""


@dataclass
class RecordingBell:
    """A bell that nobody hears, but that remembers."""

    rung: list[tuple[TaskName, str]] = field(default_factory=list)

    def ring(self, task: TaskName, job_id: str) -> None:
        """See Bell."""
        self.rung.append((task, job_id))


def never() -> bool:
    """For `draining`: go on."""
    return False


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A database and what a worker needs."""

    database: Database
    settings: Settings
    bell: RecordingBell = field(default_factory=RecordingBell)
    fingerprint: str = FINGERPRINT
    earlier: tuple[str, ...] = ()
    owner: str = "owner"

    def taking(self, helpers: GroupHelpers) -> Self:
        """The same, whose leads take these helpers: what hangs on no measuring is shown with "all"."""
        return replace(self, settings=self.settings.model_copy(update={"group_helpers": helpers}))

    def tools(self, name: str = "a", settings: Settings | None = None) -> Tools:
        """The tools of the worker `name`."""
        worker = WorkerIdentity(
            worker_id=f"worker_{name}",
            pid=ord(name),
            host="here",
            fingerprint=self.fingerprint,
            earlier=self.earlier,
        )
        return Tools(
            database=self.database, bell=self.bell, settings=settings or self.settings, worker=worker
        )

    def submit(self, raw: dict[str, Any], **changes: Any) -> str:
        """Queue a job as the API does; returns its id."""
        spec = resolve(parse_job(raw | changes), lambda: 7)
        parts = take_apart(spec)
        new = NewJob(
            owner_id=self.owner,
            spec=keep(self.database, parts),
            spec_sha256=parts.sha256,
            steps=total_steps(spec),
            workers=spec.most_workers,
            kind=spec.kind,
            keep_last=None if spec.checkpoints is None else spec.checkpoints.keep_last,
        )
        with self.database.write() as tx:
            return jobs.create(tx, new).id

    def claim(self, name: str = "a", settings: Settings | None = None) -> Lease[JobClaim]:
        """Claim the oldest job for the worker `name`."""
        tools = self.tools(name, settings)
        asked_at = time.monotonic()
        with self.database.write() as tx:
            claim = leases.claim_next(tx, tools.worker, tools.settings.lease_seconds)
        assert claim is not None
        return Lease(claim, tools, asked_at)

    def question(self, settings: Settings | None = None) -> Lease[ReplayClaim]:
        """Claim the oldest question for the worker "a"."""
        tools = self.tools("a", settings)
        asked_at = time.monotonic()
        with self.database.write() as tx:
            claim = replays.claim_next(tx, tools.worker, tools.settings.lease_seconds)
        assert claim is not None
        return Lease(claim, tools, asked_at)

    def lead(self, name: str = "a", draining: Callable[[], bool] = never) -> Job:
        """Claim the oldest job and lead it to the attempt's end; returns it."""
        lease = self.claim(name)
        lead_job(lease, self.tools(name), draining)
        return self.job(lease.claim.job_id)

    def evict(self, name: str = "a") -> list[str]:
        """End what the worker `name` holds, as if it had died; the jobs then wait for a worker alone."""
        with self.database.write() as tx:
            evicted = evictions.evict_process(tx, f"worker_{name}", ord(name))
            tx.execute(job_table.update().values(not_before_at=None))
        return evicted

    def job(self, job_id: str) -> Job:
        """The job as it is."""
        return self._read(lambda tx: jobs.get(tx, job_id, None))

    def history(self, job_id: str) -> Mapping[str, Points]:
        """All its series."""
        return self._read(lambda tx: dict(history.read(tx, job_id).series))

    def events(self, job_id: str) -> list[str]:
        """The types of its events."""
        return [event.type for event in self._read(lambda tx: events.list_events(tx, job_id))]

    def left(self, job_id: str) -> list[object]:
        """How its helpers went."""
        found = self._read(lambda tx: events.list_events(tx, job_id))
        return [event.data["left"] for event in found if event.type == "member_left"]

    def workers(self) -> list[tuple[str, str]]:
        """The workers on record, and what they do."""
        return [(each.worker_id, each.state) for each in self._read(workers.list_workers)]

    def _read(self, question: Callable[[Connection], T]) -> T:
        with self.database.read() as tx:
            return question(tx)


def digest(job: Job) -> object:
    """The `weights_sha256` of a job that has succeeded."""
    assert job.result is not None, job
    return job.result["weights_sha256"]
