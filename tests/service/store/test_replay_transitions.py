"""Each act in each status of a replay, on both databases: its effect is what the table says, or nothing."""

import hashlib
from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, delete, update

from lockstep.service.store import claims, replays
from lockstep.service.store.database import Database
from lockstep.service.store.replay_transitions import MAX_TRIES, REPLAYS
from lockstep.service.store.replays import Asked, ReplayClaim, ReplayFence
from lockstep.service.store.statuses import REPLAY_PHASES
from lockstep.service.store.tables import jobs
from lockstep.service.store.tables import replays as table
from tests.service.store.walking import ActCase, try_and_check, way_to
from tests.stored_jobs import OTHER, WORKER, claim, queue_job

ANSWER = b"found"
GIVEN: Mapping[str, object] = {
    "worker": OTHER.worker_id,
    "lease_seconds": 60.0,
    "sha256": hashlib.sha256(ANSWER).hexdigest(),
    "message": "there is no such step",
    "damaged": hashlib.sha256(ANSWER).hexdigest(),
}


def lock(tx: Connection, held: ReplayClaim) -> ReplayFence:
    return claims.lock(tx, held)


def trial(*acts: str, work: object, **given: object) -> ActCase:
    assert callable(work)
    return ActCase(acts=acts, work=work, given={**GIVEN, **given})


TRIALS = (
    trial("ask_again", work=lambda tx, held: replays.ask(tx, held.asked)),
    trial("ask_anew", work=lambda tx, held: replays.ask_anew(tx, held.asked, str(GIVEN["damaged"]))),
    trial("ask_anew", work=lambda tx, held: replays.ask_anew(tx, held.asked, "other"), damaged="other"),
    trial("give_up", "claim", work=lambda tx, _: replays.claim_next(tx, OTHER, 60.0)),
    trial("renew", work=claims.renew),
    trial("finish", work=lambda tx, held: replays.finish(lock(tx, held), ANSWER)),
    trial("fail", work=lambda tx, held: replays.fail(lock(tx, held), str(GIVEN["message"]))),
    trial("release", work=lambda tx, held: replays.release(lock(tx, held))),
)
BY_HOLDER = {each.acts[0]: each for each in TRIALS if REPLAYS.of_act(each.acts[0])[0].who == "holder"}
LONG_AGO: dict[str, object] = {
    "finished_at": table.c.finished_at - 60,
    "lease_expires_at": table.c.lease_expires_at - 120,
}
ROWS: dict[str, dict[str, object]] = {
    "as it comes": {},
    "long ago": LONG_AGO,
    "long ago, and tried before": {**LONG_AGO, "tries": MAX_TRIES},
}


def held_in(database: Database, status: str) -> ReplayClaim:
    """A claim, of some time, on a question that was brought to `status`."""
    job_id = queue_job(database).id
    claim(database)
    asked = Asked(job_id=job_id, question="gradients", step=3)
    with database.write() as tx:
        replays.ask(tx, asked)
        row_id = tx.execute(table.select()).one().id
    held = ReplayClaim(id=row_id, asked=asked, tries=1, worker=WORKER, lease_seconds=60.0)
    for change in way_to(REPLAYS, "queued", status):
        with database.write() as tx:
            if change.who == "worker":
                assert replays.claim_next(tx, WORKER, 60.0) == held
            else:
                BY_HOLDER[change.act].work(tx, held)
    return held


def test_every_act_is_tried() -> None:
    tried = {act for each in TRIALS for act in each.acts}
    assert tried == {change.act for change in REPLAYS.changes if change.sources}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("status", REPLAY_PHASES)
def test_each_act_in_each_status(database: Database, status: str, row: str) -> None:
    for each in TRIALS:
        held = held_in(database, status)
        with database.write() as tx:
            tx.execute(update(table).values(step=table.c.step, **ROWS[row]))
        try_and_check(database, REPLAYS, each, held)
        with database.write() as tx:
            tx.execute(delete(jobs))
