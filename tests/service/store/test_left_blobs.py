"""Blobs that nothing names go, and those that anything names stay, whoever comes first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest
from sqlalchemy import Connection, delete, insert, select

from lockstep.service import left_blobs as sweeping
from lockstep.service.left_blobs import LEFT_SECONDS, LOOK_SECONDS, MAX_TAKEN_OUT, LeftBlobs
from lockstep.service.store import blobs, left_blobs
from lockstep.service.store import jobs as store
from lockstep.service.store import weights as learned
from lockstep.service.store.blobs import PART_BYTES
from lockstep.service.store.columns import metadata
from lockstep.service.store.database import Database, clock
from lockstep.service.store.errors import NotFound
from lockstep.service.store.replay_table import replays
from lockstep.service.store.tables import blob_parts, jobs, weights
from tests.stored_jobs import NEW, blob_names, claim, fenced, queue_job

DATA = bytes(range(256)) * (PART_BYTES // 256) + b"a second part"
NAME = hashlib.sha256(DATA).hexdigest()
WAIT_SECONDS = 30.0


class Time:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def keep(database: Database, data: bytes) -> str:
    name = hashlib.sha256(data).hexdigest()
    blobs.keep(database, data, name)
    return name


def is_whole(database: Database, name: str, data: bytes) -> bool:
    with database.read() as tx:
        try:
            return blobs.get(tx, name) == data
        except NotFound:
            return False


def post(tx: Connection, data: bytes = DATA) -> str:
    """A job whose spec names the blob, as a POST makes it."""
    name = hashlib.sha256(data).hexdigest()
    blobs.hold(tx, data, name)
    return store.create(tx, replace(NEW, spec=replace(NEW.spec, inline_sha256=name))).id


def steps(left: LeftBlobs, time: Time, seconds: float) -> None:
    """Let time pass, in steps as the reconciler takes them."""
    for _ in range(int(seconds / LOOK_SECONDS) + 1):
        left.step()
        time.now += LOOK_SECONDS


def named_in_each_way(database: Database) -> set[str]:
    """Blobs that a job, weights and a replay's answer name."""
    with database.write() as tx:
        job_id = post(tx, b"a job's")
    held = claim(database)
    fenced(database, held, lambda fence: learned.save(fence, b"weights", "{}"))
    with database.write() as tx:
        answer = blobs.put(tx, b"an answer")
        row = {"id": "replay_1", "job_id": job_id, "question": "walk", "step": 0, "sample": 0}
        done = {"status": "done", "tries": 1, "result_sha256": answer}
        tx.execute(insert(replays).values(requested_at=clock(), finished_at=clock()), row | done)
    return blob_names(database)


def test_every_column_that_names_blobs_is_looked_at() -> None:
    naming = {
        column
        for table in metadata.tables.values()
        for column in table.columns
        if column.name.endswith("sha256") and table.name not in ("blob_parts", "api_keys", "checkpoints")
    }
    of_other_things = {"spec_sha256", "body_sha256", "expected_sha256"}

    assert {column for column in naming if column.name not in of_other_things} == set(left_blobs.NAMED_IN)


def test_what_nothing_names_goes_after_an_hour_and_all_else_stays(database: Database) -> None:
    named = named_in_each_way(database)
    lost = {keep(database, b"left %d" % number) for number in range(2 * MAX_TAKEN_OUT + 1)}
    time = Time()
    left = LeftBlobs(database, time)

    steps(left, time, LEFT_SECONDS - 2 * LOOK_SECONDS)
    assert blob_names(database) == named | lost
    young = keep(database, b"later")
    time.now += 3 * LOOK_SECONDS
    sizes = []
    for _ in range(3):
        left.step()
        time.now += LOOK_SECONDS
        sizes.append(len(blob_names(database) & lost))
    assert sizes == [MAX_TAKEN_OUT + 1, 1, 0]
    assert blob_names(database) == named | {young}
    steps(left, time, LEFT_SECONDS + 2 * LOOK_SECONDS)
    assert blob_names(database) == named


def test_all_of_them_are_looked_at_a_page_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MAX_LOOKED_AT", 3)
    named = named_in_each_way(database)
    for number in range(7):
        keep(database, b"left %d" % number)
    time = Time()

    steps(LeftBlobs(database, time), time, 2 * LEFT_SECONDS)

    assert blob_names(database) == named


def test_a_blob_that_is_named_meanwhile_is_forgotten(database: Database) -> None:
    keep(database, DATA)
    time = Time()
    left = LeftBlobs(database, time)
    left.step()
    with database.write() as tx:
        post(tx)

    steps(left, time, 2 * LEFT_SECONDS)

    assert is_whole(database, NAME, DATA)


def test_parts_without_the_first_go_too(database: Database) -> None:
    keep(database, DATA)
    with database.write() as tx:
        tx.execute(delete(blob_parts).where(blob_parts.c.part == 0))
        page = left_blobs.find(tx, "", 10)
        assert page.names == {NAME}
        assert left_blobs.take_out(tx, page.names) == [NAME]
    assert blob_names(database) == set()


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1)])
def test_what_is_taken_out_between_blob_and_job_is_put_back(
    database: Database, missing: tuple[int, ...]
) -> None:
    keep(database, DATA)
    with database.write() as tx:
        tx.execute(delete(blob_parts).where(blob_parts.c.part.in_(missing)))
    with database.write() as tx:
        post(tx)

    assert is_whole(database, NAME, DATA)


def put_as_weights(tx: Connection) -> None:
    blobs.put(tx, DATA)
    job_id = tx.execute(select(jobs.c.id)).scalars().one()
    row = {"job_id": job_id, "sha256": NAME, "size_bytes": len(DATA), "preprocessing_json": "{}"}
    tx.execute(insert(weights), row)


NAMING: dict[str, Callable[[Connection], object]] = {"held": post, "put": put_as_weights}


@pytest.mark.parametrize("naming", NAMING)
def test_it_does_not_go_while_somebody_names_it(database: Database, naming: str) -> None:
    queue_job(database)
    keep(database, DATA)

    def take_out() -> list[str]:
        with database.write() as tx:
            return left_blobs.take_out(tx, [NAME])

    with ThreadPoolExecutor(1) as pool:
        with database.write() as tx:
            NAMING[naming](tx)
            taken = pool.submit(take_out)
            # PostgreSQL passes over the parts that are locked; SQLite comes to them after the commit.
            if tx.dialect.name == "postgresql":
                assert taken.result(WAIT_SECONDS) == []
        assert taken.result(WAIT_SECONDS) == []

    assert is_whole(database, NAME, DATA)


@pytest.mark.parametrize("naming", NAMING)
def test_whoever_names_it_while_it_goes_puts_it_back(database: Database, naming: str) -> None:
    queue_job(database)
    keep(database, DATA)

    def name_it() -> None:
        with database.write() as tx:
            NAMING[naming](tx)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as tx:
            assert left_blobs.take_out(tx, [NAME]) == [NAME]
            named = pool.submit(name_it)
            wait([named], 0.2)  # until it waits for the parts, most likely
        named.result(WAIT_SECONDS)

    assert is_whole(database, NAME, DATA)
