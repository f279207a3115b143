"""Damage to what is stored of one job costs that part of it, and nobody else anything."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from lockstep.service.store import (
    blobs,
    endings,
    evictions,
    idempotency,
    jobs,
    leases,
    replays,
    rings,
    seats,
    specs,
)
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Damaged
from lockstep.service.store.idempotency import IdempotencyKey
from lockstep.service.store.jobs import Job
from lockstep.service.store.listing import JobFilter, list_jobs
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import blob_parts
from lockstep.service.store.tables import jobs as table
from tests import damages
from tests.damaged_jobs import damaged_jobs, finished, inline, inline_spec, queued
from tests.damages import harm
from tests.stored_jobs import (
    OTHER,
    OVER_SECONDS,
    OWNER,
    WORKER,
    cancel,
    claim,
    fenced,
    get,
    queue_job,
)

SPECS = damages.SPEC + damages.INLINE_BLOB + damages.INLINE_ROW
AT_ANY_TIME = SPECS + damages.METADATA + damages.TRANSITIONS
SHOWN_AS_IT_IS = "spec_json: another object"
"""An object that is no spec is JSON that can be shown, in lists at least."""


def listed(database: Database) -> dict[str, Job]:
    with database.read() as tx:
        return {job.id: job for job in list_jobs(tx, JobFilter(owner=OWNER, limit=100)).jobs}


def parts(job: Job) -> list[str]:
    return [each.part for each in job.damage]


def without_parts(job: Job) -> Job:
    return replace(job, spec_json="", metadata=None, transitions=(), damage=())


def test_damaged_jobs_are_listed_read_and_cancelled_like_any_other(database: Database) -> None:
    sound = [queue_job(database, inline(database, -1)).id]
    ids = [queue_job(database, inline(database, number)).id for number in range(len(AT_ANY_TIME))]
    sound.append(queue_job(database, inline(database, -1)).id)
    before = listed(database)

    for damage, job_id in zip(AT_ANY_TIME, ids, strict=True):
        harm(database, damage, job_id)

    after = listed(database)
    assert list(after) == list(before)
    assert [after[job_id] for job_id in sound] == [before[job_id] for job_id in sound]
    for damage, job_id in zip(AT_ANY_TIME, ids, strict=True):
        job = get(database, job_id)
        assert without_parts(job) == without_parts(before[job_id]) == without_parts(after[job_id]), (
            damage.name
        )
        assert isinstance(json.loads(job.spec_json), dict | None), damage.name
        # A read looks into no blob: who needs the whole spec is told.
        assert parts(job) == ([] if damage in damages.INLINE_BLOB else [damage.part]), damage.name
        told = [] if damage.part == "inline_data" or damage.name == SHOWN_AS_IT_IS else [damage.part]
        assert parts(after[job_id]) == told, damage.name
        assert all("restore the database from a backup" in each.message for each in job.damage)
        with database.read() as tx:
            assert jobs.summary(tx, job_id, OWNER) == after[job_id]
        assert cancel(database, job_id).status == "cancelled", damage.name
    assert [get(database, job_id).damage for job_id in sound] == [(), ()]


def test_a_damaged_result_is_none_and_the_rest_of_the_job_is_told(database: Database) -> None:
    for damage, job_id in damaged_jobs(database, damages.RESULT, lambda number: finished(database, number)):
        job = get(database, job_id)
        assert (job.result, parts(job), job.status) == (None, ["result"], "succeeded"), damage.name
        assert listed(database)[job_id].result is None
        assert cancel(database, job_id).status == "succeeded"


def test_a_claim_takes_damaged_jobs_like_any_other_and_their_specs_say_what_is_wrong(
    database: Database,
) -> None:
    found = list(damaged_jobs(database, SPECS, queued(database)))
    behind = queue_job(database).id
    for damage, job_id in found:
        held = claim(database)
        assert held.job_id == job_id, damage.name
        with database.read() as tx, pytest.raises(Damaged, match=job_id) as refused:
            specs.load(tx, job_id).resolved()
        assert refused.value.part == damage.part, damage.name
        assert "submit the job again" in str(refused.value)
        failure = endings.Failure(code="invalid_data", message=str(refused.value))
        fenced(database, held, partial(endings.fail, failure=failure))
        assert get(database, job_id).status == "failed", damage.name
    assert claim(database).job_id == behind


def test_a_claim_reads_no_bulk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = finished(database, 1)
    queue_job(database, inline(database, 2))
    with database.write() as tx:
        replays.ask(tx, Asked(job_id=job_id, question="gradients", step=1))

    def refuse(*_: object) -> None:
        raise AssertionError("expected no bulk to be read")

    for module, name in ((specs, "whole"), (specs, "held"), (blobs, "get"), (blobs, "beginning")):
        monkeypatch.setattr(module, name, refuse)
    with database.write() as tx:
        held = leases.claim_next(tx, WORKER, 60)
        asked = replays.claim_next(tx, WORKER, 60)
    assert held is not None
    assert asked is not None
    assert len(repr(held)) + len(repr(asked)) < 2000


def test_what_looks_after_jobs_passes_damage_by(database: Database) -> None:
    for number, damage in enumerate(AT_ANY_TIME):
        key, new = IdempotencyKey(key=str(number), body_sha256="b" * 64), inline(database, number)
        with database.write() as tx:
            job_id = idempotency.create_once(tx, new, key).job.id
        harm(database, damage, job_id)

        with database.write() as tx:
            tx.execute(table.update().where(table.c.id == job_id).values(ring_due_at=0))
            assert rings.due_rings(tx, 10) == [job_id]
            again = idempotency.create_once(tx, new, key)
            assert (again.replayed, again.job.id) == (True, job_id), damage.name
        claim(database, lease_seconds=OVER_SECONDS)
        with database.write() as tx:
            assert evictions.evict_expired(tx) == [job_id]
        held = claim(database)
        fenced(database, held, lambda fence: seats.publish_address(fence, "10.0.0.1", 7000, b"secret"))
        with database.read() as tx:
            seat = seats.find_seat(tx, OTHER)
            assert seat is not None
            assert seat.job_id == job_id
            assert seats.find_seat(tx, OTHER, [job_id]) is None
        fenced(database, held, endings.release)
        assert cancel(database, job_id).status == "cancelled", damage.name


def test_the_same_bytes_once_more_make_a_damaged_blob_whole(database: Database) -> None:
    for damage, job_id in damaged_jobs(database, damages.INLINE_BLOB, queued(database)):
        number = damages.INLINE_BLOB.index(damage)
        again = queue_job(database, inline(database, number)).id
        mended = [again] if damage.name.endswith("another name") else [job_id, again]
        for each in mended:
            with database.read() as tx:
                assert json.loads(specs.load(tx, each).spec_json) == json.loads(inline_spec(number))
    with database.read() as tx:
        assert len(tx.execute(blob_parts.select()).all()) == len(damages.INLINE_BLOB)
