"""Jobs go on, and questions are answered, from what is left of checkpoints and history: the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.model.encoding import from_safetensors
from lockstep.core.optim.schedules import PlateauState
from lockstep.service.store import checkpoints, events, history, replays
from lockstep.service.store.events import Event
from tests import damages
from tests.damages import harm
from tests.worker.bench import MOONS, Bench, digest
from tests.worker.test_attempt import After, Died, die
from tests.worker.test_kinds import LONG_PRODUCT, MIDDLING, same_history
from tests.worker.test_replaying import answer, asked, found

KINDS: dict[str, dict[str, Any]] = {
    "train": MOONS,
    "minimize": MIDDLING,
    "solve": LONG_PRODUCT | {"steps": 3000},
}
"""Jobs that can be drained a few times before they end."""


def drained(bench: Bench, job_id: str, times: int) -> list[int]:
    """Lead the job and drain it, so many times; the steps of its checkpoints then."""
    for _ in range(times):
        assert bench.lead(draining=After(2, lambda: True)).status == "queued"
    return checkpoint_steps(bench, job_id)


def checkpoint_steps(bench: Bench, job_id: str) -> list[int]:
    with bench.database.read() as tx:
        return [each.step for each in checkpoints.list_checkpoints(tx, job_id)]


def checkpoint_events(bench: Bench, job_id: str) -> list[Event]:
    with bench.database.read() as tx:
        return [each for each in events.list_events(tx, job_id) if each.type == "checkpoint_damaged"]


def other_bytes(bench: Bench, job_id: str, step: int) -> None:
    with bench.database.write() as tx:
        damages.damage_checkpoint(tx, job_id, step, damages.changed)


def lost_bytes(bench: Bench, job_id: str, step: int) -> None:
    with bench.database.write() as tx:
        damages.lose_checkpoint(tx, job_id, step)


def no_checkpoint(bench: Bench, job_id: str, step: int) -> None:
    with bench.database.write() as tx:
        damages.damage_checkpoint(tx, job_id, step, lambda data: data[:100], sign=True)


def another_shape(bench: Bench, job_id: str, step: int) -> None:
    rewrite(bench, job_id, step, lambda sound: {"parameters": np.append(sound.parameters, 0)})


def rewrite(
    bench: Bench, job_id: str, step: int, change: Callable[[Checkpoint], Mapping[str, object]]
) -> None:
    """Put a checkpoint with other values in its place, with its hash."""

    def changed(data: bytes) -> bytes:
        sound = Checkpoint.from_bytes(data)
        return replace(sound, **change(sound)).to_bytes()  # type: ignore[arg-type]

    with bench.database.write() as tx:
        damages.damage_checkpoint(tx, job_id, step, changed, sign=True)


CHECKPOINT_DAMAGES = [other_bytes, lost_bytes, no_checkpoint, another_shape]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sound", [0, 1, 2])
def test_a_job_goes_on_from_the_latest_checkpoint_that_can_be_read(
    bench: Bench, kind: str, sound: int
) -> None:
    bench.submit(KINDS[kind])
    undisturbed = bench.lead()
    for damage in CHECKPOINT_DAMAGES:
        job_id = bench.submit(KINDS[kind])
        steps = drained(bench, job_id, 3)
        assert len(steps) == 3
        left, hit = steps[:sound], steps[sound:]
        for step in hit:
            damage(bench, job_id, step)

        job = bench.lead()

        assert job.status == "succeeded", job.error
        assert job.result == undisturbed.result
        same_history(bench, job_id, undisturbed.id)
        (told,) = checkpoint_events(bench, job_id)
        assert told.level == "warning"
        assert told.data == {"steps": hit[::-1], "from_step": left[-1] if left else 0}


STRANGE = {
    "a shorter vector": lambda sound: {"parameters": sound.parameters[:-1]},
    "another dtype": lambda sound: {"parameters": sound.parameters.astype(np.float64)},
    "an optimizer's array too few": lambda sound: {"optimizer": dict(list(sound.optimizer.items())[1:])},
    "an optimizer's array too many": lambda sound: {
        "optimizer": {**sound.optimizer, "other": np.zeros(1, np.float32)}
    },
    "an optimizer's array of another shape": lambda sound: {
        "optimizer": {name: vector[None] for name, vector in sound.optimizer.items()}
    },
    "another step": lambda sound: {"step": sound.step + 1},
    "a schedule that the job has not": lambda _: {"plateau": PlateauState(rate=0.1)},
    "a best epoch that the job does not keep": lambda sound: {"best": {"parameters": sound.parameters}},
}
"""Checkpoints that can be read, but are none of the job's MOONS."""


@pytest.mark.parametrize("name", STRANGE)
def test_a_checkpoint_of_another_form_is_damaged_though_its_hash_is_right(bench: Bench, name: str) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    job_id = bench.submit(MOONS)
    steps = drained(bench, job_id, 3)
    rewrite(bench, job_id, steps[-1], STRANGE[name])

    job = bench.lead()

    assert job.status == "succeeded", job.error
    assert job.result == undisturbed.result
    (told,) = checkpoint_events(bench, job_id)
    assert told.data == {"steps": [steps[-1]], "from_step": steps[-2]}


def test_a_checkpoint_of_a_step_that_was_damaged_is_saved_anew(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=1000)
    steps = drained(bench, job_id, 3)
    other_bytes(bench, job_id, steps[-1])
    other_bytes(bench, job_id, steps[-2])

    again = drained(bench, job_id, 1)

    assert again[0] == 0
    assert again[-1] < steps[-1]
    assert bench.claim().claim.checkpoint_step == again[-1]


def test_deaths_and_damage_together_do_not_keep_a_job_from_its_end(bench: Bench) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    job_id = bench.submit(MOONS)
    steps = drained(bench, job_id, 2)
    for step in steps:
        other_bytes(bench, job_id, step)

    for _ in range(4):
        with pytest.raises(Died):
            bench.lead(draining=After(2, die))
        bench.evict()

    assert digest(bench.lead()) == digest(undisturbed)


def test_a_damaged_history_keeps_no_job_from_its_end(bench: Bench) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    for damage in damages.HISTORY:
        job_id = bench.submit(MOONS)
        drained(bench, job_id, 2)
        harm(bench.database, damage, job_id)

        job = bench.lead()

        assert job.status == "succeeded", (damage.name, job.error)
        assert job.result == undisturbed.result
        with bench.database.read() as tx:
            gaps = history.read(tx, job_id).gaps
        assert {gap.series for gap in gaps} >= {"loss"}


@pytest.mark.parametrize("kind", KINDS)
def test_questions_are_answered_from_the_latest_checkpoint_that_can_be_read(bench: Bench, kind: str) -> None:
    bench.submit(KINDS[kind])
    undisturbed = bench.lead().id
    for damage in CHECKPOINT_DAMAGES:
        job_id = bench.submit(KINDS[kind])
        steps = drained(bench, job_id, 3)
        bench.lead()
        target = steps[-1]
        kept = [step for step in checkpoint_steps(bench, job_id) if step <= target]
        for step in kept:
            damage(bench, job_id, step)
        about, same = asked(bench, job_id, target), asked(bench, undisturbed, target)

        with bench.database.read() as tx:
            waiting = replays.waiting(tx, bench.tools().worker)
        for _ in range(waiting):
            assert answer(bench)

        mine, other = from_safetensors(found(bench, about)), from_safetensors(found(bench, same))
        assert mine.keys() == other.keys()
        for name, gradient in mine.items():
            np.testing.assert_array_equal(gradient, other[name])
        (told,) = checkpoint_events(bench, job_id)
        assert (told.level, told.data) == ("warning", {"steps": kept[::-1], "from_step": 0})
