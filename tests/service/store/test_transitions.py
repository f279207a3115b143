"""Each act in each status of a job, on both databases: its effect is what the table says, or nothing."""

import json
import random
from collections.abc import Mapping
from contextlib import suppress

import pytest
from sqlalchemy import Connection, delete, update

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.store import (
    claims,
    deadlines,
    endings,
    events,
    evictions,
    fingerprints,
    leases,
    outdated,
    restoring,
    uncompared,
)
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Failure, Progress, Release
from lockstep.service.store.errors import Refused
from lockstep.service.store.job_conditions import MAX_EVICTIONS
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.service.store.statuses import LIVE, STATUSES, TERMINAL
from lockstep.service.store.tables import hosts
from lockstep.service.store.tables import jobs as table
from lockstep.service.store.transitions import ATTEMPTS_SINCE_A_COPY, JOBS
from tests.service.store.walking import ActCase, RowView, look, try_and_check, way_to
from tests.stored_jobs import OTHER, RESULT, WORKER, claim, get, older, queue_job

GIVEN: Mapping[str, object] = {
    "worker": OTHER.worker_id,
    "pid": OTHER.pid,
    "fingerprint": OTHER.fingerprint,
    "lease_seconds": 60.0,
    "done": 7,
    "in_epoch": 1,
    "members": 2,
    "most": 2,
    "advised": 2,
    "seats": 2,
    "seat_gain": 0.5,
    "speed": 3.5,
    "first_step_seconds": 0.25,
    "result": json.dumps(RESULT),
    "reason": "steps_done",
    "message": "too steep",
    "param": "/loss",
}
PROGRESS = Progress(
    step=7, epoch=1, members=2, most=2, seats=2, seat_gain=0.5, advised=2, steps_per_second=3.5,
    first_step_seconds=0.25,
)  # fmt: skip
FAILURE = Failure(code="diverged", message="too steep", param="/loss")
OLD = (
    f"This version of Lockstep computes by arithmetic {ARITHMETIC}, the job was begun by {ARITHMETIC - 1}: "
    "it begins again, and the 0 steps that were done are done again."
)


def trial(act: str, work: object, **given: object) -> ActCase:
    assert callable(work)
    return ActCase(acts=(act,), work=work, given={**GIVEN, **given})


def by_holder(act: str) -> ActCase:
    """What no function of its own does."""
    return trial(act, lambda tx, held: endings.change(claims.lock(tx, held), act, GIVEN))


def by_user(act: str) -> ActCase:
    """Of a job that is over or ends it may be refused, which changes nothing either."""

    def work(tx: Connection, held: JobClaim) -> None:
        with suppress(Refused):
            endings.request(tx, act, held.job_id, None)

    return trial(act, work)


def is_of(row: Mapping[str, object], held: claims.Claim) -> bool:
    return row["worker_id"] == held.worker.worker_id


def lock(tx: Connection, held: JobClaim) -> JobFence:
    return claims.lock(tx, held)


NAMED = [
    trial("claim", lambda tx, _: leases.claim_next(tx, OTHER, 60.0)),
    trial("renew", claims.renew),
    trial("progress", lambda tx, held: endings.record_progress(lock(tx, held), PROGRESS)),
    trial("succeed", lambda tx, held: endings.succeed(lock(tx, held), RESULT)),
    trial("fail", lambda tx, held: endings.fail(lock(tx, held), FAILURE), reason="diverged"),
    trial("finish_cancel", lambda tx, held: endings.finish_cancel(lock(tx, held))),
    trial(
        "release",
        lambda tx, held: endings.release(lock(tx, held), Release(reason="worker_drained", message="bye")),
        reason="worker_drained",
        message="bye",
    ),
    ActCase(
        acts=("explain",),
        work=lambda tx, _: fingerprints.mark_no_worker(tx),
        given={**GIVEN, "reason": fingerprints.NO_WORKER, "message": fingerprints.NO_WORKER_MESSAGE},
        means=lambda row, _: row["status_reason"] != fingerprints.NO_WORKER,
    ),
    trial("begin_again", lambda tx, _: outdated.begin_again(tx), message=OLD),
    trial("leave_uncompared", lambda tx, held: uncompared.record(tx, held.job_id, RESULT)),
    trial("restore", lambda tx, _: restoring.disown(tx)),
    trial("expire", lambda tx, _: deadlines.expire(tx)),
    ActCase(
        acts=("evict",),
        work=lambda tx, held: evictions.evict_process(tx, held.worker.worker_id, held.worker.pid),
        given=GIVEN,
        means=is_of,
    ),
]
TRIALS = {each.acts[0]: each for each in NAMED}
for change in JOBS.changes:
    if change.who in ("holder", "user") and change.sources:
        by_whom = by_holder if change.who == "holder" else by_user
        TRIALS.setdefault(change.act, by_whom(change.act))

ROWS: dict[str, dict[str, object]] = {
    "as it comes": {},
    "evicted before": {"evictions": MAX_EVICTIONS - 1},
    "not begun within its limit": {"max_queue_seconds": 5.0, "created_at": 5.0},
    "worked at for its limit before": {"max_run_seconds": 5.0, "run_seconds": 5.0},
    "worked at for its limit in this claim": {"max_run_seconds": 5.0, "run_seconds": 1.0, "claimed_at": 5.0},
    "within its limits": {"max_run_seconds": 5.0, "max_queue_seconds": 5.0},
    "begun by older rules": {"fingerprint": WORKER.fingerprint, "arithmetic": ARITHMETIC - 1},
    "verifies another": {"verifies": "job_0", "expected_sha256": "0" * 64, "chaos": False},
    "verifies another by older rules": {
        "verifies": "job_0",
        "expected_sha256": "0" * 64,
        "chaos": False,
        "fingerprint": WORKER.fingerprint,
        "arithmetic": ARITHMETIC - 1,
    },
}


def held_in(database: Database, status: str) -> JobClaim:
    """A claim, of some time, on a job that was brought to `status`."""
    job_id = queue_job(database).id
    held = JobClaim(
        job_id=job_id, attempt=1, worker=WORKER, lease_seconds=60,
        spec_sha256="", workers_wanted=1, steps=1, checkpoint_step=None,
    )  # fmt: skip
    for change in way_to(JOBS, "queued", status):
        if change.who == "worker":
            held = claim(database)
        else:
            with database.write() as tx:
                TRIALS[change.act].work(tx, held)
    assert get(database, job_id).status == status
    return held


def test_every_act_is_tried() -> None:
    assert set(TRIALS) == {change.act for change in JOBS.changes if change.sources}


def test_a_new_job_begins_as_the_table_says(database: Database) -> None:
    job_id = queue_job(database).id

    seen = look(database, JOBS, job_id)
    plain = {column: value for column, value in JOBS.first("create").items() if isinstance(value, str | int)}
    assert {column: seen.row[column] for column in plain} == plain
    assert [json.loads(event["data_json"]) for event in seen.noted] == [
        {"status": "queued", "reason": "waiting_for_worker"}
    ]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("status", STATUSES)
def test_each_act_in_each_status(database: Database, status: str, row: str) -> None:
    for each in TRIALS.values():
        held = held_in(database, status)
        with database.write() as tx:
            tx.execute(update(table).values(version=table.c.version, **ROWS[row]))
        try_and_check(database, JOBS, each, held)
        with database.write() as tx:
            tx.execute(delete(table))


@pytest.mark.parametrize("status", LIVE)
def test_whoever_held_a_job_before_does_nothing_to_it(database: Database, status: str) -> None:
    zombie = older(held_in(database, status))
    for act, each in TRIALS.items():
        if JOBS.of_act(act)[0].who == "holder":
            try_and_check(database, JOBS, each, zombie)


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_keep_the_rules(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    held: list[JobClaim] = []
    for _ in range(2):
        queue_job(database)
    while len(held) < 15:
        if not held or chance.random() < 0.4:
            with database.write() as tx:
                tx.execute(delete(hosts))  # where many attempts have died, none would be claimed for a minute
                tx.execute(update(table).values(not_before_at=None))
                found = leases.claim_next(tx, chance.choice([WORKER, OTHER]), 60)
            if found is None:
                queue_job(database)
            else:
                held.append(found)
        else:
            some = chance.choice(held)
            before = look(database, JOBS, some.job_id)
            act = chance.choice(sorted(set(TRIALS) - {"claim"}))
            try_and_check(database, JOBS, TRIALS[act], some)
            check_rules(before, look(database, JOBS, some.job_id))


def check_rules(before: RowView, after: RowView) -> None:
    """What holds of any change, whatever the table says."""
    old, new = before.row, after.row
    moved = new["status"] != old["status"]
    assert new["version"] - old["version"] == (new["updated_at"] != old["updated_at"] or moved) or not moved
    assert new["attempt"] - old["attempt"] in (0, 1, ATTEMPTS_SINCE_A_COPY)
    assert new["attempt"] > old["attempt"] or not (old["status"] in LIVE and new["status"] == "queued")
    statuses = [event for event in after.noted if event["type"] == "status"]
    assert json.loads(statuses[-1]["data_json"])["status"] == new["status"]
    assert old["status"] not in TERMINAL or new == old
    assert (new["finished_at"] is not None) == (new["status"] in TERMINAL)
    assert sum(each["ended_at"] is None for each in after.tries) == (new["status"] in LIVE)
    if new["status"] not in LIVE:
        assert (new["workers_active"], new["worker_id"], new["steps_per_second"]) == (0, None, None)
        assert all(each["secret"] is None for each in after.tries)


@pytest.mark.parametrize(
    ("act", "status"),
    [
        *(("cancel", status) for status in ("cancelling", *TERMINAL)),
        *(("pause", status) for status in ("pausing", "paused")),
        *(("resume", status) for status in ("queued", "running")),
    ],
)
def test_a_verb_that_is_repeated_changes_nothing(database: Database, act: str, status: str) -> None:
    job_id = held_in(database, status).job_id
    before = get(database, job_id)
    with database.write() as tx:
        assert endings.request(tx, act, job_id, None) == before


@pytest.mark.parametrize("act", ["pause", "resume"])
@pytest.mark.parametrize("status", ["cancelling", *TERMINAL])
def test_what_ends_does_not_go_on(database: Database, act: str, status: str) -> None:
    job_id = held_in(database, status).job_id
    before = get(database, job_id)
    with pytest.raises(Refused) as refused, database.write() as tx:
        endings.request(tx, act, job_id, None)

    assert refused.value.reason == ("job_over" if status in TERMINAL else "job_cancelling")
    assert get(database, job_id) == before


def test_a_verbs_event_names_the_key_that_asked(database: Database) -> None:
    job_id = queue_job(database).id
    for act in ("pause", "resume", "cancel"):
        with database.write() as tx:
            endings.request(tx, act, job_id, None, f"key_{act}")

    with database.read() as tx:
        told = [event.data.get("key") for event in events.list_events(tx, job_id)]
    assert told == [None, "key_pause", "key_resume", "key_cancel"]
