"""What is done to a store while something fails, and what must have come of it in the end.

Each story is told by the real parts: an attempt, the reconciler, the routes' functions, a replay. Whoever is
struck is replaced, as a supervisor, a client that asks again, or the end of a lease would do.
"""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.api import jobs as routes
from lockstep.service.api import verbs
from lockstep.service.reconciler import Reconciler
from lockstep.service.services import Services
from lockstep.service.store import replays, specs
from lockstep.service.store.keys import ApiKey
from lockstep.service.store.replays import Asked, Question, Replay
from lockstep.service.store.statuses import JOB_PHASES, LIVE, TERMINAL, WAITING
from lockstep.service.store.tables import attempts, blob_parts, jobs
from lockstep.service.store.tables import replays as replay_table
from lockstep.worker.attempt import lead_job
from lockstep.worker.replaying import answer_replay
from tests.chaos.points.posting import KEY, services_of, submission
from tests.worker.bench import Bench, never
from tests.worker.every_step import JOBS, Died, Look

T = TypeVar("T")
STRUCK = (Died, OperationalError)
MOST_TRIES = 12


class NeverDone(Exception):
    """Something is asked for again and again, and never comes to an end."""


def insist(work: Callable[[], T]) -> T:
    """Do it until it was not struck."""
    for _ in range(MOST_TRIES):
        try:
            return work()
        except STRUCK:
            continue
    raise NeverDone(f"{MOST_TRIES} tries")


class Story(ABC):
    """`begin` makes what it needs, untouched; `tell` does it, struck; `end` says what has come of it."""

    @abstractmethod
    def begin(self, bench: Bench) -> str:
        """Make the job that it is about; returns its id."""

    @abstractmethod
    def tell(self, bench: Bench, job_id: str) -> None:
        """Do it to its end."""

    def end(self, bench: Bench, job_id: str) -> Mapping[str, object]:
        """What must be as if nothing had failed."""
        job = bench.job(job_id)
        series = bench.history(job_id)
        return {
            "status": job.status,
            "result": json.dumps(job.result, sort_keys=True),
            "history": {name: (each.steps.tobytes(), each.values.tobytes()) for name, each in series.items()},
            "events": Counter(kind for kind in bench.events(job_id) if kind != "status"),
            "ends": [each.status for each in job.transitions if each.status in TERMINAL],
            "attempts": _numbered(bench, job_id),
        }


def awake(bench: Bench) -> None:
    """By the clock a job that was lost again waits, and a host where many died rests: here neither does.

    Behind the store's back: this is no transaction to be struck.
    """
    path = bench.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute("UPDATE jobs SET not_before_at = NULL")
        connection.execute("DELETE FROM hosts")


def lead_to_the_end(bench: Bench, job_id: str, draining: Callable[[], bool] = never) -> None:
    """Attempt after attempt until the job is over. Who was struck is gone: its claim is taken from it."""
    for _ in range(MOST_TRIES):
        job = bench.job(job_id)
        if job.is_terminal:
            return
        awake(bench)
        try:
            if job.status in LIVE:
                bench.evict()
            else:
                bench.lead(draining=draining)
        except STRUCK:
            continue
    raise NeverDone(f"{MOST_TRIES} attempts at {bench.job(job_id)}")


def heard_in_an_attempt(bench: Bench, job_id: str, verb: Callable[[Services, ApiKey, str], object]) -> None:
    """The job is claimed, its user asks for something, and the attempt hears of it; the user makes sure."""
    services = services_of(bench)
    with suppress(*STRUCK):
        lease = bench.claim() if bench.job(job_id).status in WAITING else None
        insist(lambda: verb(services, KEY, job_id))
        if lease is not None:
            lead_job(lease, bench.tools(), never)
    insist(lambda: verb(services, KEY, job_id))


@dataclass(frozen=True)
class Trained(Story):
    """A job is led, drained at a step, and led to its end."""

    name: str

    def begin(self, bench: Bench) -> str:
        return bench.submit(JOBS[self.name][0])

    def tell(self, bench: Bench, job_id: str) -> None:
        lead_to_the_end(bench, job_id, Look(bench, job_id, 2, "drain"))


class Cancelled(Story):
    """A job is claimed, its user cancels it, and the attempt hears of it."""

    def begin(self, bench: Bench) -> str:
        return bench.submit(JOBS["formula"][0])

    def tell(self, bench: Bench, job_id: str) -> None:
        heard_in_an_attempt(bench, job_id, verbs.cancel_job)
        lead_to_the_end(bench, job_id)

    def end(self, bench: Bench, job_id: str) -> Mapping[str, object]:
        return {**super().end(bench, job_id), "history": None}


class Paused(Story):
    """A job is claimed, its user has it paused, and later resumed; it is led to its end."""

    def begin(self, bench: Bench) -> str:
        return bench.submit(JOBS["formula"][0])

    def tell(self, bench: Bench, job_id: str) -> None:
        services = services_of(bench)
        heard_in_an_attempt(bench, job_id, verbs.pause_job)
        if bench.job(job_id).status in LIVE:
            insist(bench.evict)
        assert JOB_PHASES[bench.job(job_id).status] == "aside"
        insist(lambda: verbs.resume_job(services, KEY, job_id))
        lead_to_the_end(bench, job_id)


class Evicted(Story):
    """A worker is lost with its claim; the reconciler finds it, and another leads the job to its end."""

    def begin(self, bench: Bench) -> str:
        job_id = bench.submit(JOBS["minimize"][0])
        bench.claim("b")
        with bench.database.write() as tx:
            tx.execute(update(jobs).where(jobs.c.id == job_id).values(lease_expires_at=0.0))
        return job_id

    def tell(self, bench: Bench, job_id: str) -> None:
        reconciler = Reconciler(bench.database, bench.bell, 1.0)
        insist(reconciler.tick)
        lead_to_the_end(bench, job_id)


class BegunAgain(Story):
    """Older rules began a job; it begins again."""

    def begin(self, bench: Bench) -> str:
        job_id = bench.submit(JOBS["solve"][0])
        bench.lead(draining=Look(bench, job_id, 2, "drain"))
        with bench.database.write() as tx:
            tx.execute(update(jobs).where(jobs.c.id == job_id).values(arithmetic=ARITHMETIC - 1))
        return job_id

    def tell(self, bench: Bench, job_id: str) -> None:
        reconciler = Reconciler(bench.database, bench.bell, 1.0)
        insist(reconciler.tick)
        lead_to_the_end(bench, job_id)


@dataclass(frozen=True)
class Looked(Story):
    """Somebody asks about a step of a job that is over; a worker works it out."""

    question: Question = "gradients"

    def begin(self, bench: Bench) -> str:
        job_id = bench.submit(JOBS["formula"][0])
        bench.lead()
        return job_id

    def tell(self, bench: Bench, job_id: str) -> None:
        asked = Asked(job_id=job_id, question=self.question, step=3)
        insist(lambda: _ask(bench, asked))
        for _ in range(MOST_TRIES):
            if _found(bench, asked).result_sha256 is not None:
                return
            with suppress(*STRUCK):
                _let_lapse(bench)
                answer_replay(bench.question(), bench.tools(), never)
        raise NeverDone(f"{MOST_TRIES} tries at a question")

    def end(self, bench: Bench, job_id: str) -> Mapping[str, object]:
        found = _found(bench, Asked(job_id=job_id, question=self.question, step=3))
        assert found.result_sha256 is not None
        with bench.database.read() as tx:
            answer = replays.answer(tx, found.result_sha256)
        return {**super().end(bench, job_id), "question": (found, answer)}


class Posted(Story):
    """A job with much data is posted, with a key, until an answer comes; then it is led to its end."""

    def begin(self, bench: Bench) -> str:
        return f"key of job {len(_all_jobs(bench))}"

    def tell(self, bench: Bench, key: str) -> None:
        services, posted = services_of(bench), submission()
        response = insist(lambda: routes.submitted(services, None, posted, key))
        job_id = json.loads(bytes(response.body))["id"]
        lead_to_the_end(bench, job_id)

    def end(self, bench: Bench, key: str) -> Mapping[str, object]:
        (job_id,) = _all_jobs(bench)[int(key.split()[-1]) :]
        with bench.database.read() as tx:
            spec = specs.load(tx, job_id).spec_json
            parts = tx.execute(select(blob_parts.c.sha256, blob_parts.c.part)).all()
        return {**super().end(bench, job_id), "spec": spec, "blobs": sorted(map(tuple, parts))}


def _numbered(bench: Bench, job_id: str) -> list[tuple[object, ...]]:
    """What is wrong with the attempts of a job that is over: each has ended, and none has a number twice."""
    query = select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
    with bench.database.read() as tx:
        rows = tx.execute(query).all()
    wrong = [tuple(row) for row in rows if row.ended_at is None or row.secret is not None]
    return wrong or [(number, row.number) for number, row in enumerate(rows, 1) if row.number != number]


def _ask(bench: Bench, asked: Asked) -> None:
    with bench.database.write() as tx:
        replays.ask(tx, asked)


def _found(bench: Bench, asked: Asked) -> Replay:
    with bench.database.read() as tx:
        found = replays.find(tx, asked)
    assert found is not None
    return found


def _let_lapse(bench: Bench) -> None:
    """The lease of whoever had a question runs out."""
    table = replay_table
    with bench.database.write() as tx:
        tx.execute(update(table).where(table.c.lease_expires_at.is_not(None)).values(lease_expires_at=0.0))


def _all_jobs(bench: Bench) -> list[str]:
    with bench.database.read() as tx:
        return list(tx.execute(select(jobs.c.id).order_by(jobs.c.id)).scalars())


STORIES: Mapping[str, Story] = {
    "layers": Trained("all steps"),
    "formula": Trained("formula"),
    "minimize": Trained("minimize"),
    "solve": Trained("solve to a tolerance"),
    "cancelled": Cancelled(),
    "paused": Paused(),
    "evicted": Evicted(),
    "begun again": BegunAgain(),
    "asked about": Looked(),
    "posted": Posted(),
}
