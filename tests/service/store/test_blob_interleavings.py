"""Whoever names a blob has it whole, in whatever order its statements and those of who takes it out come.

Two connections to PostgreSQL, both in flight: every interleaving of their statements is run. One whose
statement waits for the other's lock is passed over until that has ended.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

import pytest
from sqlalchemy import Connection, Engine, delete, event, select

from lockstep.service.store import blobs, jobs, left_blobs, starts
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Refused
from lockstep.service.store.starts import PinnedStart
from lockstep.service.store.tables import blob_parts
from lockstep.service.store.tables import jobs as job_table
from tests.databases import PostgresqlCluster
from tests.stored_jobs import NEW, blob_names

SMALL = b"bytes of one part"
LARGE = SMALL + b"a second one"
STATEMENT_SECONDS = 0.05
"""Within it a statement that waits for nobody is done; else it is taken for one that waits."""
END_SECONDS = 30.0
TAKER = 5
"""Its stops: lock the parts, count them, look for names, delete, commit."""


class Actor:
    """A transaction on a thread of its own, which stops before each statement that matters here."""

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        self._permits = threading.Semaphore(0)
        self._arrivals = threading.Semaphore(0)
        self._is_there = False
        self.end: Future[None] = pool.submit(self._run, work)
        self._is_there = self._arrivals.acquire(timeout=END_SECONDS)

    def _run(self, work: Callable[[], None]) -> None:
        _here.actor = self
        try:
            work()
        finally:
            _here.actor = None
            self._arrivals.release()

    def stop(self) -> None:
        """On its thread: wait to be let on."""
        self._arrivals.release()
        assert self._permits.acquire(timeout=END_SECONDS)

    def step(self) -> None:
        """Let it do one statement, unless it still waits in the one before."""
        self._is_there = self._is_there or self._arrivals.acquire(blocking=False)
        if self._is_there:
            self._permits.release()
            self._is_there = self._arrivals.acquire(timeout=STATEMENT_SECONDS)

    def finish(self) -> None:
        """Let it run to its end."""
        self._permits.release(100)


_here = threading.local()


def _matters(statement: str) -> bool:
    return (
        "blob_parts" in statement
        or statement.startswith("INSERT INTO jobs ")
        or "jobs.start_sha256 IN" in statement
    )


@contextmanager
def stops() -> Iterator[None]:
    """Within it actors stop before statements and commits."""

    def before(_: Connection, __: object, statement: str, *___: object) -> None:
        actor = getattr(_here, "actor", None)
        if actor is not None and _matters(statement):
            actor.stop()

    def commit(_: Connection) -> None:
        actor = getattr(_here, "actor", None)
        if actor is not None:
            actor.stop()

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "commit", commit)


def put(tx: Connection, data: bytes) -> None:
    blobs.put(tx, data)


def hold(tx: Connection, data: bytes) -> None:
    blobs.hold(tx, data, blobs.name_of(data))


def pin(tx: Connection, data: bytes) -> None:
    """As of a blob that another job named, which was deleted a moment ago."""
    starts.pin(tx, PinnedStart(sha256=blobs.name_of(data), data=None))


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part as short as the small blob: all of this is about their number."""
    monkeypatch.setattr(blobs, "PART_BYTES", len(SMALL))


@pytest.mark.parametrize(
    ("take", "data", "stops_at"),
    [(put, SMALL, 3), (hold, SMALL, 3), (pin, SMALL, 3), (put, LARGE, 4), (hold, LARGE, 3), (pin, LARGE, 3)],
    ids=["put", "hold", "pin", "put two parts", "hold two parts", "pin two parts"],
)
def test_what_is_named_is_whole_in_every_order(
    postgresql: PostgresqlCluster, take: Callable[[Connection, bytes], None], data: bytes, stops_at: int
) -> None:
    name = postgresql.take()
    database = Database(postgresql.url(name))
    came: Counter[tuple[bool, bool]] = Counter()
    try:
        with stops(), ThreadPoolExecutor(2) as pool:
            for places in combinations(range(TAKER + stops_at), stops_at):
                came[_one_order(database, pool, take, data, frozenset(places))] += 1
    finally:
        database.dispose()
        postgresql.give_back(name)
    # Each of both has been first at least once, else nothing was tried.
    assert any(taken for _, taken in came), came
    assert any(named and not taken for named, taken in came), came


def _one_order(
    database: Database,
    pool: ThreadPoolExecutor,
    take: Callable[[Connection, bytes], None],
    data: bytes,
    places: frozenset[int],
) -> tuple[bool, bool]:
    """Run one order, the namer at `places`; whether the job was made, and whether the blob was taken out."""
    name = blobs.name_of(data)
    with database.write() as tx:
        tx.execute(delete(job_table))
    blobs.keep(database, data, name)
    taken: list[str] = []

    def name_it() -> None:
        with database.write() as tx:
            take(tx, data)
            jobs.create(tx, replace(NEW, start_sha256=name))

    def take_it_out() -> None:
        with database.write() as tx:
            taken.extend(left_blobs.take_out(tx, [name]))

    namer, taker = Actor(pool, name_it), Actor(pool, take_it_out)
    for place in range(TAKER + len(places)):
        (namer if place in places else taker).step()
    namer.finish()
    taker.finish()
    taker.end.result(END_SECONDS)
    try:
        namer.end.result(END_SECONDS)
    except Refused:
        assert take is pin
        assert blob_names(database) == set()
        return False, True
    with database.read() as tx:
        assert blobs.get(tx, name) == data
    return True, bool(taken)


def test_a_blob_of_which_a_part_is_held_goes_whole_or_not_at_all(
    postgresql: PostgresqlCluster,
) -> None:
    name = postgresql.take()
    database = Database(postgresql.url(name))
    large = blobs.name_of(LARGE)
    first = select(blob_parts.c.part).where(blob_parts.c.part == 0).with_for_update(read=True, key_share=True)
    try:
        blobs.keep(database, LARGE, large)
        with database.write() as holder:
            assert holder.execute(first).all() == [(0,)]
            with database.write() as taker:
                assert left_blobs.take_out(taker, [large]) == []
        with database.read() as tx:
            assert blobs.get(tx, large) == LARGE
        with database.write() as taker:
            assert left_blobs.take_out(taker, [large]) == [large]
    finally:
        database.dispose()
        postgresql.give_back(name)
