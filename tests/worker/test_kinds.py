"""Attempts at jobs of the kinds `minimize` and `solve`: results, and crashes that change no bit."""

import time
from typing import Any

import numpy as np
import pytest

from lockstep.service.store import checkpoints, events
from tests.core.formulas.searches import PARABOLA, PRODUCT, VALLEY
from tests.worker.bench import LINE, Bench, digest
from tests.worker.test_attempt import After, Died, cancel, die

LONG_VALLEY = VALLEY | {
    "steps": 200_000,
    "schedule": {"type": "reduce_on_plateau", "patience": 2, "factor": 0.97, "min_learning_rate": 0.001},
}
LONG_PRODUCT = PRODUCT | {"solve_for": ["w", "b"], "tolerance": 0, "steps": 200_000}
"""They go on for some seconds: long enough to be ended in the middle."""
MIDDLING = LONG_VALLEY | {"steps": 3000}


def same_history(bench: Bench, one: str, other: str) -> None:
    mine, theirs = bench.history(one), bench.history(other)
    assert mine.keys() == theirs.keys()
    for name, points in mine.items():
        np.testing.assert_array_equal(points.steps, theirs[name].steps)
        np.testing.assert_array_equal(points.values, theirs[name].values)


@pytest.mark.parametrize(
    ("raw", "parameters", "value", "reason", "series"),
    [
        (PARABOLA, {"x": 0.03072}, 0.0009437184, "value_below", {"value", "x", "grad.x"}),
        (PRODUCT, {"b": 3.80593837535014, "w": 3}, 150.00007713, "tolerance", {"value", "b", "grad.b"}),
    ],
)
def test_the_result_has_the_keys_of_the_contract_and_the_value(
    bench: Bench,
    raw: dict[str, Any],
    parameters: dict[str, float],
    value: float,
    reason: str,
    series: set[str],
) -> None:
    job_id = bench.submit(raw)

    job = bench.lead()

    assert job.result is not None, job.error
    assert (job.kind, job.status, job.fraction, job.epoch) == (raw["kind"], "succeeded", 1.0, 0)
    assert job.result["parameters"] == pytest.approx(parameters, rel=1e-12)
    assert job.result["value"] == pytest.approx(value, rel=1e-9)
    assert (job.result["stop_reason"], job.result["loss"], job.result["metrics"]) == (reason, None, {})
    assert job.result["steps"] == job.step
    assert job.result["reached"] is True
    history = bench.history(job_id)
    assert history.keys() == series
    assert history["value"].steps.tolist() == list(range(job.step + 1))


@pytest.mark.parametrize("raw", [MIDDLING, LONG_PRODUCT | {"steps": 3000}])
def test_a_drained_job_goes_on_elsewhere_to_the_same_bits(bench: Bench, raw: dict[str, Any]) -> None:
    bench.submit(raw)
    undisturbed = bench.lead()
    job_id = bench.submit(raw)

    drained = bench.lead(draining=After(3, lambda: True))

    assert (drained.status, drained.attempt) == ("queued", 2)
    assert 0 < drained.step < 3000
    assert digest(bench.lead("b")) == digest(undisturbed)
    same_history(bench, job_id, undisturbed.id)


def test_a_killed_attempt_is_replayed_from_its_checkpoint_to_the_same_bits(bench: Bench) -> None:
    bench.submit(MIDDLING)
    undisturbed = bench.lead()
    job_id = bench.submit(MIDDLING)

    def die_after_a_report() -> bool:
        time.sleep(0.3)  # so that the first second ends before the job does
        return die() if bench.job(job_id).step else False

    with pytest.raises(Died):
        bench.lead(draining=die_after_a_report)
    resumes_at = bench.job(job_id).step
    assert bench.evict() == [job_id]
    assert 0 < resumes_at < 3000
    recorded = bench.history(job_id)["value"].steps
    assert recorded.tolist() == list(range(resumes_at + 1))

    assert digest(bench.lead("b")) == digest(undisturbed)
    same_history(bench, job_id, undisturbed.id)


@pytest.mark.parametrize("raw", [VALLEY, PRODUCT | {"tolerance": 0, "steps": 60}])
def test_a_job_outlives_any_number_of_deaths_that_leave_it_time_for_a_step(
    bench: Bench, raw: dict[str, Any]
) -> None:
    bench.submit(raw)
    undisturbed = bench.lead()
    job_id = bench.submit(raw)

    for _ in range(4):
        with pytest.raises(Died):
            bench.lead(draining=After(2, die))
        bench.evict()

    assert digest(bench.lead()) == digest(undisturbed)
    assert bench.job(job_id).attempt == 5
    same_history(bench, job_id, undisturbed.id)


def test_a_checkpoint_holds_what_a_resume_needs(bench: Bench) -> None:
    job_id = bench.submit(LONG_VALLEY)

    job = bench.lead(draining=After(3, lambda: True))

    with bench.database.read() as tx:
        saved = checkpoints.latest(tx, job_id)
    assert saved is not None
    assert saved.step == job.step


def test_it_can_be_cancelled(bench: Bench) -> None:
    job_id = bench.submit(LONG_PRODUCT | {"steps": 10_000_000})

    job = bench.lead(draining=After(3, lambda: cancel(bench, job_id)))

    assert job.status == "cancelled"
    assert len(bench.history(job_id)["value"].steps) == job.step + 1


@pytest.mark.parametrize(
    ("raw", "code", "param", "points"),
    [
        (PARABOLA | {"objective": "ln(x)", "stop": {}}, "domain_error", "/objective", 5),
        (PARABOLA | {"objective": "-x**4", "stop": {}}, "diverged", "/optimizer/learning_rate", None),
        (PRODUCT | {"expression": "b**2", "start": {"b": 0}}, "domain_error", "/expression", 1),
    ],
)
def test_a_failure_keeps_the_history_up_to_it(
    bench: Bench, raw: dict[str, Any], code: str, param: str, points: int | None
) -> None:
    job_id = bench.submit(raw)

    job = bench.lead()

    assert job.error is not None
    assert (job.error.code, job.error.param) == (code, param)
    recorded = bench.history(job_id)["value"]
    assert recorded.steps.tolist() == list(range(job.step + 1))
    assert points in (None, len(recorded.steps))


CIRCLE = PRODUCT | {"expression": "x**3 - 2*x + 2", "start": {"x": 0}, "solve_for": ["x"], "target": 0}


def findings(bench: Bench, job_id: str) -> list[tuple[str, str, str]]:
    with bench.database.read() as tx:
        told = events.list_events(tx, job_id)
    return [(str(e.data["code"]), e.level, e.message) for e in told if e.type == "finding"]


@pytest.mark.parametrize(
    ("raw", "reached", "code"),
    [
        (CIRCLE, False, "cycling"),
        (PARABOLA | {"optimizer": {"type": "sgd", "learning_rate": 1000}, "steps": 30}, False, "growing"),
        (PARABOLA | {"objective": "x", "stop": {}}, None, "unbounded"),
        (PARABOLA | {"objective": "sigmoid(x)", "start": {"x": 100}}, False, "stalled"),
        (PARABOLA | {"stop": {}}, None, None),
    ],
)
def test_a_search_that_misses_its_goal_succeeds_and_says_so(
    bench: Bench, raw: dict[str, Any], reached: bool | None, code: str | None
) -> None:
    job_id = bench.submit(raw)

    job = bench.lead()

    assert job.result is not None, job.error
    assert (job.status, job.status_reason) == ("succeeded", "steps_done")
    assert job.result["reached"] is reached
    told = findings(bench, job_id)
    assert [(each[0], each[1]) for each in told] == ([(code, "warning")] if code else [])


def test_a_training_has_no_goal_of_that_kind(bench: Bench) -> None:
    bench.submit(LINE)

    job = bench.lead()

    assert job.result is not None
    assert "reached" not in job.result


def test_a_finding_is_told_once_however_often_the_job_is_resumed(bench: Bench) -> None:
    job_id = bench.submit(CIRCLE | {"steps": 3000})

    while bench.job(job_id).status != "succeeded":
        bench.lead(draining=After(4, lambda: True))

    assert bench.job(job_id).attempt > 2
    assert [code for code, _, _ in findings(bench, job_id)] == ["cycling"]


@pytest.mark.parametrize("raw", [LINE, LINE | {"clip": {"norm": 0.5}}], ids=["scalar", "numpy"])
def test_a_formula_s_training_records_the_same_after_any_resume(bench: Bench, raw: dict[str, Any]) -> None:
    bench.submit(raw)
    undisturbed = bench.lead()
    job_id = bench.submit(raw)

    while bench.job(job_id).status != "succeeded":
        bench.lead(draining=After(3, lambda: True))

    assert bench.job(job_id).attempt > 2
    history = bench.history(job_id)
    assert history.keys() == {"loss", "a", "b", "grad.a", "grad.b"}
    assert all(points.steps.tolist() == list(range(1000)) for points in history.values())
    same_history(bench, job_id, undisturbed.id)
