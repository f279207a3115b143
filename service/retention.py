"""Takes out what has been kept long enough, a little at a time; and gives the room back to the disk.

Each piece is a transaction of some milliseconds, and pieces are done for a part of the time only: whoever
writes beside it hardly waits.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from lockstep.service.retention_settings import RetentionSettings
from lockstep.service.store import amounts, left_blobs, removal, retention, space
from lockstep.service.store.amounts import Amount
from lockstep.service.store.database import Database
from lockstep.service.store.retention import CheckpointOf

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""Between two looks where the last has found nothing to do,"""
LOOK_SHARE = 0.25
"""or this part of the shortest time that something is kept."""
WORK_SECONDS = 0.5
"""The most of a tick that goes into it."""
MAX_CHECKPOINTS = 50
MAX_BYTES = 8 * 2**20
"""Of checkpoints in one transaction, where they are more than one."""
MAX_ROWS = 100
MAX_JOBS = 10
MAX_BLOBS = 4
MAX_PAGES = 4096


@dataclass(frozen=True, kw_only=True)
class Ages:
    """How long things stay, in seconds; None: for ever."""

    checkpoints: float | None = None
    answers: float | None = None
    keys: float | None = None
    jobs: float | None = None


def ages_of(settings: RetentionSettings) -> Ages:
    """As the settings say."""
    return Ages(
        checkpoints=settings.keep_checkpoints_seconds or None,
        answers=settings.keep_answers_seconds or None,
        keys=settings.keep_idempotency_keys_seconds or None,
        jobs=settings.keep_jobs_seconds or None,
    )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A kind of thing: how some that are old enough are found, and taken out in one transaction."""

    of: str
    find: Callable[[Connection], Sequence[Any]]
    drop: Callable[[Connection, Sequence[Any]], None]


class Retention:
    """Does the work that is due; several processes may. What one has taken out, another passes over."""

    def __init__(
        self, database: Database, ages: Ages, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._works = tuple(_works(ages))
        self._monotonic = monotonic
        kept = [age for age in (ages.checkpoints, ages.answers, ages.keys, ages.jobs) if age is not None]
        self._pause_seconds = min([LOOK_SECONDS, *(age * LOOK_SHARE for age in kept)])
        self._due_at = monotonic()

    def step(self) -> None:
        """Work for a moment, if there may be something to do. Raises what the database raises."""
        started_at = self._monotonic()
        if started_at < self._due_at:
            return
        while self.piece():
            if self._monotonic() - started_at >= WORK_SECONDS:
                return
        self._due_at = self._monotonic() + self._pause_seconds

    def piece(self) -> bool:
        """Do one piece of each kind of work; False where nothing is left to do."""
        done = [self._do(work) for work in self._works]
        return any(done) or self._give_back()

    def _do(self, work: _Work) -> bool:
        with self._database.read() as tx:
            found = work.find(tx)
        if not found:
            return False
        with self._database.write() as tx:
            work.drop(tx, found)
        logger.info("action=dropped %s=%d", work.of, len(found))
        return True

    def _give_back(self) -> bool:
        with self._database.read() as tx:
            room = space.room_of(tx)
        if room is None or not room.spare_pages:
            return False
        with self._database.write() as tx:
            space.give_back(tx, min(room.spare_pages, MAX_PAGES))
        return True


def due(database: Database, ages: Ages) -> list[Amount]:
    """What there is that may go by now; of kinds that stay for ever, and of what there is none, nothing."""
    with database.read() as tx:
        found = [
            *([] if ages.checkpoints is None else [amounts.spent_checkpoints(tx, ages.checkpoints)]),
            *([] if ages.answers is None else [amounts.old_answers(tx, ages.answers)]),
            *([] if ages.keys is None else [amounts.old_keys(tx, ages.keys)]),
            *([] if ages.jobs is None else [amounts.old_jobs(tx, ages.jobs)]),
            amounts.left_behind(tx),
        ]
    return [amount for amount in found if amount.rows]


class Pruning:
    """All of it at once, blobs that nothing names and every free page of the file included.

    Whoever is just storing a blob puts back what is taken out under them (store/left_blobs.py).
    """

    def __init__(self, database: Database, ages: Ages) -> None:
        self._database = database
        self._retention = Retention(database, ages)

    def run(self) -> None:
        """Go on until nothing is left to do."""
        while self._retention.piece():
            pass
        self._take_out_blobs()
        while self._give_back():
            pass

    def _take_out_blobs(self) -> None:
        with self._database.read() as tx:
            left = sorted(name for names in amounts.unnamed_blobs(tx) for name in names)
        for first in range(0, len(left), MAX_BLOBS):
            with self._database.write() as tx:
                left_blobs.take_out(tx, left[first : first + MAX_BLOBS])

    def _give_back(self) -> bool:
        with self._database.read() as tx:
            room = space.room_of(tx)
        if room is None or not room.shrinks or not room.free_pages:
            return False
        with self._database.write() as tx:
            space.give_back(tx, min(room.free_pages, MAX_PAGES))
        return True


def _works(ages: Ages) -> Iterator[_Work]:
    if ages.checkpoints is not None:
        yield _Work(
            of="checkpoints",
            find=partial(_some_checkpoints, age_seconds=ages.checkpoints),
            drop=retention.drop_checkpoints,
        )
    if ages.answers is not None:
        yield _Work(
            of="answers",
            find=partial(retention.old_answers, age_seconds=ages.answers, most=MAX_ROWS),
            drop=partial(retention.drop_answers, age_seconds=ages.answers),
        )
    if ages.keys is not None:
        yield _Work(
            of="idempotency_keys",
            find=partial(retention.old_keys, age_seconds=ages.keys, most=MAX_ROWS),
            drop=partial(retention.drop_keys, age_seconds=ages.keys),
        )
    if ages.jobs is not None:
        find = partial(retention.old_jobs, age_seconds=ages.jobs, most=MAX_JOBS)
        yield _Work(of="jobs", find=find, drop=_drop_jobs)


def _some_checkpoints(tx: Connection, age_seconds: float) -> list[CheckpointOf]:
    """As many as one transaction should take out."""
    found = retention.spent_checkpoints(tx, age_seconds, MAX_CHECKPOINTS)
    while len(found) > 1 and sum(each.size_bytes for each in found) > MAX_BYTES:
        found = found[: len(found) // 2]
    return found


def _drop_jobs(tx: Connection, found: Sequence[str]) -> None:
    """Remove jobs, up to a part of one that is large: the next look finds the rest."""
    for job_id in found:
        if removal.lighten(tx, job_id):
            return
        retention.drop_job(tx, job_id)
