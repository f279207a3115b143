"""What has been kept long enough goes, and nothing else, on both databases and however many do it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Table, func, select, update

from lockstep.service import retention as service
from lockstep.service.retention import Ages, Pruning, Retention, due
from lockstep.service.store import (
    blobs,
    checkpoints,
    claims,
    endings,
    history,
    idempotency,
    jobs,
    removal,
    replays,
    retention,
    weights,
)
from lockstep.service.store.checkpoints import PLAIN, KeptMarks
from lockstep.service.store.database import Database, clock
from lockstep.service.store.endings import Failure
from lockstep.service.store.idempotency import IdempotencyKey
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import (
    blob_parts,
    checkpoint_parts,
    idempotency_keys,
)
from lockstep.service.store.tables import (
    history as history_table,
)
from lockstep.service.store.tables import (
    jobs as job_table,
)
from lockstep.service.store.tables import (
    replays as replay_table,
)
from tests.stored_jobs import (
    NEW,
    RESULT,
    WORKER,
    blob_names,
    cancel,
    claim,
    fenced,
    points,
    queue_job,
)

DAY = 86400.0
STEPS = {0: PLAIN, 5: KeptMarks(regular=True), 10: PLAIN, 15: KeptMarks(best=True), 20: PLAIN, 25: PLAIN}
ENDINGS: dict[str, Callable[[claims.Fence[Any]], object]] = {
    "succeeded": lambda fence: endings.succeed(fence, RESULT),
    "failed": lambda fence: endings.fail(fence, Failure(code="diverged", message="too steep")),
    "cancelled": endings.finish_cancel,
}


def over(database: Database, how: str, new: NewJob = NEW) -> str:
    """A job that is over, with checkpoints."""
    job_id = queue_job(database, new).id
    held = claim(database)
    for step, marks in STEPS.items():
        fenced(database, held, partial(checkpoints.save, step=step, data=b"s%d" % step, marks=marks))
    if how == "cancelled":
        cancel(database, job_id)
    fenced(database, held, ENDINGS[how])
    return job_id


def aged(database: Database, table: Table[Any], column: ColumnElement[Any], seconds: float) -> None:
    """Let what is there be so old."""
    with database.write() as tx:
        tx.execute(update(table).values({column: clock() - seconds}).where(column.is_not(None)))


def count(database: Database, table: Table[Any]) -> int:
    with database.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def steps(database: Database, job_id: str) -> list[int]:
    with database.read() as tx:
        return [each.step for each in checkpoints.list_checkpoints(tx, job_id)]


def run(database: Database, ages: Ages) -> None:
    work = Retention(database, ages)
    while work.piece():
        pass


@pytest.mark.parametrize(
    ("how", "keep_last", "left"),
    [
        ("succeeded", None, [5, 15]),
        ("failed", None, [5, 15, 25]),
        ("cancelled", None, [5, 15, 25]),
        ("succeeded", 1, [5, 15, 25]),
        ("failed", 2, [5, 15, 20, 25]),
        ("succeeded", 3, [5, 15, 20, 25]),
    ],
)
def test_checkpoints_of_a_job_that_is_over_go_but_those_that_are_asked_for(
    database: Database, how: str, keep_last: int | None, left: list[int]
) -> None:
    job_id = over(database, how, replace(NEW, keep_last=keep_last))
    before = steps(database, job_id)
    aged(database, job_table, job_table.c.finished_at, DAY - 60)
    run(database, Ages(checkpoints=DAY))
    assert steps(database, job_id) == before
    aged(database, job_table, job_table.c.finished_at, DAY + 60)

    run(database, Ages(checkpoints=DAY))

    assert steps(database, job_id) == left
    assert count(database, checkpoint_parts) == len(left)


def test_checkpoints_of_a_job_that_goes_on_stay(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    for step in (0, 1, 2):
        fenced(database, held, partial(checkpoints.save, step=step, data=b"s"))

    run(database, Ages(checkpoints=0.001, answers=0.001, keys=0.001, jobs=0.001))

    assert steps(database, job_id) == [0, 1, 2]


def answer(database: Database, job_id: str, step: int, found: bytes) -> None:
    with database.write() as tx:
        tx.execute(update(job_table).values(fingerprint=WORKER.fingerprint))
        replays.ask(tx, Asked(job_id=job_id, question="gradients", step=step))
        held = replays.claim_next(tx, WORKER, 60.0)
        assert held is not None
        replays.finish(claims.lock(tx, held), found)


def test_answers_go_with_their_blobs_and_can_be_asked_for_again(database: Database) -> None:
    job_id = over(database, "succeeded")
    answer(database, job_id, 1, b"old")
    answer(database, job_id, 2, b"of two")
    aged(database, replay_table, replay_table.c.finished_at, DAY + 60)
    answer(database, job_id, 3, b"young")
    answer(database, job_id, 4, b"of two")

    run(database, Ages(answers=DAY))

    assert count(database, replay_table) == 2
    assert blob_names(database) == {blobs.name_of(b"young"), blobs.name_of(b"of two")}
    answer(database, job_id, 1, b"old")


def test_a_question_that_is_asked_anew_meanwhile_stays(database: Database) -> None:
    job_id = over(database, "succeeded")
    answer(database, job_id, 1, b"old")
    aged(database, replay_table, replay_table.c.finished_at, DAY + 60)
    asked = Asked(job_id=job_id, question="gradients", step=1)
    with database.write() as tx:
        found = retention.old_answers(tx, DAY, 10)
        replays.ask_anew(tx, asked, blobs.name_of(b"old"))
        retention.drop_answers(tx, found, DAY)

    with database.read() as tx:
        again = replays.find(tx, asked)
    assert len(found) == 1
    assert again is not None
    assert again.status == "queued"


def test_idempotency_keys_are_forgotten_after_their_time(database: Database) -> None:
    once = IdempotencyKey(key="k", body_sha256="0" * 64)
    with database.write() as tx:
        first = idempotency.create_once(tx, NEW, once).job.id
    aged(database, idempotency_keys, idempotency_keys.c.created_at, 60)
    run(database, Ages(keys=61))
    with database.write() as tx:
        assert idempotency.create_once(tx, NEW, once).job.id == first

    run(database, Ages(keys=59))

    assert count(database, idempotency_keys) == 0
    with database.write() as tx:
        assert idempotency.create_once(tx, NEW, once).job.id != first


def test_jobs_go_with_all_that_is_theirs_and_nobody_elses(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "MAX_CHUNKS", 2)
    with database.write() as tx:
        shared, own = blobs.put(tx, b"of both"), blobs.put(tx, b"of one")
    old = queue_job(database, replace(NEW, spec=replace(NEW.spec, inline_sha256=shared), start_sha256=own)).id
    held = claim(database)
    series = {f"s{number}": points(0, 1.0, 2.0) for number in range(7)}
    fenced(database, held, partial(history.append, series=series))
    fenced(database, held, partial(checkpoints.save, step=3, data=b"state"))
    fenced(database, held, partial(weights.save, safetensors=b"weights", preprocessing_json="{}"))
    fenced(database, held, ENDINGS["succeeded"])
    aged(database, job_table, job_table.c.finished_at, DAY + 60)
    young = over(database, "failed", replace(NEW, spec=replace(NEW.spec, inline_sha256=shared)))

    run(database, Ages(jobs=DAY))

    with database.read() as tx:
        assert set(tx.execute(select(job_table.c.id)).scalars()) == {young}
        assert removal.lighten(tx, old) is False
    assert count(database, history_table) == 0
    assert blob_names(database) == {shared}


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_is_not_over_is_not_removed(database: Database, status: str) -> None:
    job_id = queue_job(database).id
    if status == "running":
        claim(database)

    with database.write() as tx:
        assert removal.remove(tx, job_id) == frozenset()
        assert removal.lighten(tx, job_id) is False
        assert jobs.version_of(tx, job_id, None) >= 1


def test_several_may_do_it_at_once(database: Database) -> None:
    for _ in range(12):
        job_id = over(database, "succeeded")
        answer(database, job_id, 1, b"an answer of " + job_id.encode())
    for table, column in ((job_table, "finished_at"), (replay_table, "finished_at")):
        aged(database, table, table.c[column], DAY + 60)
    ages = Ages(checkpoints=DAY, answers=DAY, keys=DAY, jobs=DAY)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(run, database, ages) for _ in range(4)]:
            done.result(60)

    assert count(database, job_table) == count(database, blob_parts) == 0


def test_a_large_checkpoint_goes_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_BYTES", 5)
    job_id = over(database, "succeeded")
    aged(database, job_table, job_table.c.finished_at, DAY + 60)
    work = Retention(database, Ages(checkpoints=DAY))
    left = [len(steps(database, job_id))]
    while work.piece():
        left.append(len(steps(database, job_id)))

    assert left == [5, 4, 3, 2]


def test_what_is_due_is_told_before_and_is_gone_after(database: Database) -> None:
    job_id = over(database, "succeeded")
    answer(database, job_id, 1, b"four bytes"[:4])
    for table in (job_table, replay_table):
        aged(database, table, table.c["finished_at"], DAY + 60)
    blobs.keep(database, b"left", blobs.name_of(b"left"))
    ages = Ages(checkpoints=DAY, answers=DAY, keys=DAY)
    found = {each.of: (each.rows, each.size_bytes) for each in due(database, ages)}

    Pruning(database, ages).run()

    assert found["checkpoints of jobs that are over"][0] == len(STEPS) - 3
    assert found["computed gradients and walks"] == (1, 4)
    assert found["blobs that nothing names"] == (1, 4)
    assert due(database, ages) == []


def test_nothing_goes_where_everything_stays_for_ever(database: Database) -> None:
    over(database, "succeeded")
    aged(database, job_table, job_table.c.finished_at, 1000 * DAY)

    assert Retention(database, Ages()).piece() is False
    assert due(database, Ages()) == []


def test_it_looks_once_a_minute_and_works_on_while_there_is_something(database: Database) -> None:
    time = [0.0]
    work = Retention(database, Ages(checkpoints=DAY), lambda: time[0])
    work.step()
    job_id = over(database, "succeeded")
    aged(database, job_table, job_table.c.finished_at, DAY + 60)

    time[0] = service.LOOK_SECONDS - 1
    work.step()
    assert len(steps(database, job_id)) > 2
    time[0] = service.LOOK_SECONDS
    work.step()
    assert len(steps(database, job_id)) == 2
