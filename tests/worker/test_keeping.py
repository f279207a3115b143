"""The states that a spec asks to keep are there, at their very steps, whatever dies; no bit changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.service.store import checkpoints
from lockstep.service.store.checkpoints import KeptReason
from lockstep.worker import keeping, reporter
from tests.worker.bench import LINE, MOONS, Bench, digest
from tests.worker.test_attempt import After, Died, die

STEPS_PER_EPOCH = 11
RULES = {"every_steps": 100, "keep_last": 3, "keep_best": True}
BOWL: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1},
    "optimizer": {"type": "adam", "learning_rate": 0.1},
    "steps": 250,
}


def reasons(bench: Bench, job_id: str) -> dict[int, tuple[KeptReason, ...]]:
    with bench.database.read() as tx:
        return {each.step: each.reasons for each in checkpoints.list_checkpoints(tx, job_id)}


def states(bench: Bench, job_id: str) -> dict[int, bytes]:
    """The bits of the weights in its regular checkpoints."""
    with bench.database.read() as tx:
        listed = checkpoints.list_checkpoints(tx, job_id)
        found = [checkpoints.latest(tx, job_id, each.step) for each in listed if "every" in each.reasons]
    opened = [Checkpoint.from_bytes(each.data) for each in found if each is not None]
    return {each.step: each.parameters.tobytes() for each in opened}


def best_step(bench: Bench, job_id: str) -> int:
    """After how many steps the validation loss was lowest."""
    losses = bench.history(job_id)["validation_loss"]
    return int(losses.steps[np.argmin(losses.values)]) + 1


def marked(found: dict[int, tuple[KeptReason, ...]], why: KeptReason) -> list[int]:
    return [step for step, words in found.items() if why in words]


def test_they_are_kept_and_no_bit_changes(bench: Bench) -> None:
    bench.submit(MOONS)
    plain = bench.lead()
    job_id = bench.submit(MOONS, checkpoints=RULES)

    job = bench.lead()

    found = reasons(bench, job_id)
    assert digest(job) == digest(plain)
    assert marked(found, "start") == [0]
    assert marked(found, "every") == [100, 200, 300, 400]
    assert marked(found, "best") == [best_step(bench, job_id)]
    assert marked(found, "last") == sorted(found)[-3:]


def test_a_search_keeps_them_too(bench: Bench) -> None:
    job_id = bench.submit(BOWL, checkpoints={"every_steps": 50})

    assert bench.lead().status == "succeeded"

    assert marked(reasons(bench, job_id), "every") == [50, 100, 150, 200, 250]


def test_a_job_that_asks_for_none_has_none_of_them(bench: Bench) -> None:
    job_id = bench.submit(LINE)

    bench.lead()

    assert reasons(bench, job_id) == {}


def test_drains_and_deaths_leave_the_same_states(bench: Bench) -> None:
    job_id = bench.submit(MOONS, checkpoints=RULES)
    undisturbed = bench.lead()
    expected, kept = states(bench, job_id), reasons(bench, job_id)
    again = bench.submit(MOONS, checkpoints=RULES)

    assert bench.lead(draining=After(4, lambda: True)).status == "queued"
    with pytest.raises(Died):
        bench.lead("b", draining=After(6, die))
    assert bench.evict("b") == [again]
    assert bench.lead("c", draining=After(9, lambda: True)).status == "queued"
    job = bench.lead("d")

    assert digest(job) == digest(undisturbed)
    assert states(bench, again) == expected
    assert marked(reasons(bench, again), "best") == marked(kept, "best")


def test_the_best_of_before_is_not_beaten_by_a_worse_one(bench: Bench) -> None:
    """The lowest loss of the attempts before is read from the record."""
    steep = {"type": "sgd", "learning_rate": 0.5}
    job_id = bench.submit(MOONS, checkpoints={"keep_best": True}, optimizer=steep, epochs=30)
    for looks in (3, 4, 5):
        bench.lead(draining=After(looks, lambda: True))

    bench.lead()

    assert bench.job(job_id).status == "succeeded"
    assert marked(reasons(bench, job_id), "best") == [best_step(bench, job_id)]


def test_what_was_caught_is_written_before_it_is_much(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(reporter, "REPORT_SECONDS", 3600.0)
    job_id = bench.submit(MOONS, checkpoints={"every_steps": 10})
    seen: list[int] = []

    def look() -> bool:
        seen.append(len(reasons(bench, job_id)))
        return len(seen) > 20

    bench.lead(draining=look)

    assert max(seen) > 5


def test_a_state_of_weights_that_are_no_numbers_is_not_saved(bench: Bench) -> None:
    steep = {"type": "sgd", "learning_rate": 1e6}
    job_id = bench.submit(
        BOWL, objective="ln(x)", start={"x": 1e-305}, optimizer=steep, checkpoints={"every_steps": 1}
    )

    job = bench.lead()

    assert (job.status, job.step) == ("failed", 1)
    assert reasons(bench, job_id) == {0: ("start", "last")}


def test_a_death_before_the_first_report_costs_nothing_that_was_asked_for(bench: Bench) -> None:
    job_id = bench.submit(MOONS, checkpoints=RULES)
    with pytest.raises(Died):
        bench.lead(draining=After(2, die))
    assert bench.evict() == [job_id]

    bench.lead("b")

    assert marked(reasons(bench, job_id), "every") == [100, 200, 300, 400]
