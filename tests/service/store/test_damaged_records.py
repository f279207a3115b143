"""Damage to what a job has recorded and learned: gaps that are told of, and what is made good."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from lockstep.service.store import (
    blobs,
    checkpoints,
    claims,
    endings,
    events,
    history,
    leases,
    replays,
    weights,
)
from lockstep.service.store.checkpoints import CheckpointKey
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Corrupt, CorruptCheckpoint, Damaged
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import blob_parts
from lockstep.service.store.tables import events as events_table
from lockstep.service.store.tables import replays as replays_table
from tests import damages
from tests.damaged_jobs import damaged_jobs, finished
from tests.damages import harm
from tests.stored_jobs import (
    RESULT,
    WORKER,
    claim,
    fenced,
    get,
    points,
    queue_job,
)


def test_damaged_weights_are_refused_by_name(database: Database) -> None:
    kinds = damages.WEIGHTS + damages.PREPROCESSING
    for damage, job_id in damaged_jobs(database, kinds, lambda number: finished(database, number)):
        with database.read() as tx, pytest.raises(Damaged, match=job_id) as refused:
            weights.load(tx, job_id).preprocessing(1)
        assert refused.value.part == damage.part, damage.name
        assert (get(database, job_id).damage, get(database, job_id).result) == ((), RESULT)


@pytest.mark.parametrize("columns", [0, 2])
def test_preprocessing_of_other_columns_is_refused(database: Database, columns: int) -> None:
    job_id = finished(database, 1)
    with database.read() as tx, pytest.raises(Damaged, match=f"two lists of {columns} numbers"):
        weights.load(tx, job_id).preprocessing(columns)


def test_a_damaged_history_is_a_gap(database: Database) -> None:
    for damage, job_id in damaged_jobs(database, damages.HISTORY, lambda number: finished(database, number)):
        with database.read() as tx:
            recorded = history.read(tx, job_id)
            assert history.at(tx, job_id, "loss", 1) is None
        assert recorded.series == {}, damage.name
        assert [(gap.series, gap.first_step) for gap in recorded.gaps] == [("loss", 0)], damage.name


@pytest.mark.parametrize("redone", [False, True])
def test_a_history_goes_on_after_a_gap(database: Database, redone: bool) -> None:
    for damage in damages.HISTORY:
        queue_job(database)
        held = claim(database)

        def add(held: leases.JobClaim = held, **series: tuple[int, list[float]]) -> None:
            new = {name: points(first, *values) for name, (first, values) in series.items()}
            fenced(database, held, lambda fence: history.append(fence, new))

        add(loss=(0, [3.0, 2.0]))
        harm(database, damage, held.job_id)
        last = 2**40 if damage.name.endswith("another end") else 1
        add(loss=(0, [3.0, 2.0]) if redone else (last + 1, [7.0]), lr=(0, [0.1]))
        add(loss=(last + 1, [7.0, 8.0]))
        add(loss=(last + 3, [9.0]))

        with database.read() as tx:
            recorded = history.read(tx, held.job_id)
            assert history.at(tx, held.job_id, "loss", last + 2) == 8.0
        assert recorded.series["lr"].values.tolist() == [0.1]
        assert recorded.series["loss"].values.tolist() == [7.0, 8.0, 9.0], damage.name
        assert recorded.series["loss"].steps.tolist()[0] == last + 1
        (gap,) = recorded.gaps
        assert (gap.series, gap.first_step, gap.last_step) == ("loss", 0, last)


def test_events_around_a_damaged_one_are_told_and_it_too(database: Database) -> None:
    for kind, text in damages.TEXTS.items():
        job_id = queue_job(database).id
        with database.write() as tx:
            for layer in ("1", "2"):
                data = {"code": "dead_units", "layer": layer}
                events.append(tx, job_id, events.NewEvent(type=layer, message="dead", data=data))
            damages.write_text(tx, events_table, "data_json", text, job_id, event="1")

        with database.read() as tx:
            status, damaged, sound = events.list_events(tx, job_id)
        assert (status.data, sound.data) == ({"status": "queued", "reason": "waiting_for_worker"}, data), kind
        if kind != "another object":
            assert (damaged.type, damaged.data) == ("1", {})
            assert damaged.message.startswith("dead (what else was recorded of this event can't be read:")


def test_a_damaged_finding_does_not_count_as_told(database: Database) -> None:
    for kind, text in damages.TEXTS.items():
        job_id = queue_job(database).id
        with database.write() as tx:
            data = {"code": "dead_units", "layer": "1"}
            events.append(tx, job_id, events.NewEvent(type="finding", message="dead", data=data))
            damages.write_text(tx, events_table, "data_json", text, job_id, event="finding")
            new = events.NewEvent(type="finding", message="dead", data={"code": "dead_units", "layer": None})
            events.append(tx, job_id, new)
            assert events.findings(tx, job_id) == {("dead_units", None)}, kind


def test_a_damaged_checkpoint_is_given_up_once(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    for step in (0, 40, 50):
        fenced(database, held, partial(checkpoints.save, step=step, data=b"state %d" % step))
    with database.write() as tx:
        damages.damage_checkpoint(tx, held.job_id, 50, damages.changed)

    with database.read() as tx, pytest.raises(CorruptCheckpoint) as refused:
        checkpoints.latest(tx, held.job_id)
    bad = CheckpointKey(step=refused.value.step, attempt=refused.value.attempt)
    assert bad == CheckpointKey(step=50, attempt=1)
    with database.write() as tx:
        assert checkpoints.discard(tx, held.job_id, [replace(bad, attempt=2)]) == []
        assert checkpoints.discard(tx, held.job_id, [bad]) == [50]
        assert checkpoints.discard(tx, held.job_id, [bad]) == []
    fenced(database, held, endings.release)
    again = claim(database)
    assert again.checkpoint_step == 40
    fenced(database, again, lambda fence: checkpoints.save(fence, 50, b"state 50"))
    with database.write() as tx:
        assert checkpoints.discard(tx, held.job_id, [bad]) == []
        saved = checkpoints.latest(tx, held.job_id)
    assert saved is not None
    assert (saved.step, saved.attempt) == (50, 2)


def test_a_damaged_answer_is_asked_for_anew(database: Database) -> None:
    job_id = finished(database, 1)

    def answer(asked: Asked) -> str:
        with database.write() as tx:
            held = replays.claim_next(tx, WORKER, 60)
            assert held is not None
            replays.finish(claims.lock(tx, held), b"the gradients %d" % held.asked.step)
            found = replays.find(tx, asked)
        assert found is not None
        assert found.result_sha256 is not None
        return found.result_sha256

    for step, damage in enumerate(damages.ANSWER):
        asked = Asked(job_id=job_id, question="gradients", step=step)
        with database.write() as tx:
            replays.ask(tx, asked)
        first = answer(asked)
        harm(database, damage, job_id)
        with database.write() as tx:
            kept = replays.find(tx, asked)
            assert kept is not None
            assert kept.result_sha256 is not None
            replays.ask_anew(tx, asked, "f" * 64)
            assert replays.find(tx, asked) == kept
            replays.ask_anew(tx, asked, kept.result_sha256)
        assert answer(asked) == first, damage.name
        with database.write() as tx:
            assert replays.answer(tx, first) == b"the gradients %d" % step
            tx.execute(replays_table.delete())


def test_bytes_that_are_not_what_they_were_are_told_by_their_hash(database: Database) -> None:
    with database.write() as tx:
        name = blobs.put(tx, b"abc")
        tx.execute(blob_parts.update().values(data=b"abd"))
        with pytest.raises(Corrupt):
            blobs.get(tx, name)
        assert blobs.put(tx, b"abc") == name
        assert blobs.get(tx, name) == b"abc"
