"""Learning rates step by step, against values worked out by hand."""

import math
from typing import Any

import pytest
from pydantic import TypeAdapter

from lockstep.core.optim.schedules import SCHEDULES, AnySchedule, Schedule, ScheduleSpec

ADAPTER: TypeAdapter[ScheduleSpec] = TypeAdapter(AnySchedule)


def schedule(kind: str, rate: float = 1.0, steps: int = 12, per_epoch: int = 1, **settings: Any) -> Schedule:
    spec = ADAPTER.validate_python({"type": kind, **settings})
    return Schedule(spec, rate, steps=steps, steps_per_epoch=per_epoch)


def rates(made: Schedule, steps: int) -> list[float]:
    return [made.rate(step) for step in range(steps)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (schedule("constant", 0.3), [0.3, 0.3, 0.3]),
        (schedule("step", step_size=2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (schedule("step", step_size=2, per_epoch=2, gamma=0.5), [1, 1, 1, 1, 0.5, 0.5]),
        (schedule("step", step_size=2, per_epoch=2, gamma=0.5, per="step"), [1, 1, 0.5, 0.5, 0.25]),
        (schedule("multi_step", milestones=[1, 3], gamma=0.1), [1, 0.1, 0.1, 0.01, 0.01]),
        (schedule("exponential", 2.0, gamma=0.5), [2, 1, 0.5, 0.25]),
        (
            schedule("cosine", t_max=4, eta_min=0.2),
            [1, 0.6 + 0.4 * math.sqrt(0.5), 0.6, None, 0.2, None, 0.6],
        ),
        (schedule("cosine", steps=8, per_epoch=2), [1, 1, None, None, 0.5, 0.5, None, None, 0]),
        (schedule("cosine_restarts", t_0=2, t_mult=2), [1, 0.5, 1, None, 0.5, None, 1]),
        (schedule("cosine_restarts", t_0=2), [1, 0.5, 1, 0.5, 1]),
        (schedule("linear", start_factor=0.5, total_iters=2), [0.5, 0.75, 1, 1]),
        (schedule("linear", start_factor=1.0, end_factor=0.0, total_iters=4), [1, 0.75, 0.5, 0.25, 0, 0]),
        (schedule("constant", warmup_steps=4, warmup_start_factor=0.2), [0.2, 0.4, 0.6, 0.8, 1, 1]),
        (
            schedule("step", step_size=3, gamma=0.5, warmup_steps=2, warmup_start_factor=0.5),
            [0.5, 0.75, 1, 0.5, 0.5, 0.5, 0.25],
        ),
        (
            schedule("one_cycle", steps=11, pct_start=0.55, div_factor=5, final_div_factor=10),
            [0.2, None, None, None, None, 1 - 0.4 * (1 - math.cos(math.pi * 5 / 5.05 - math.pi))],
        ),
    ],
)
def test_rates(made: Schedule, expected: list[float | None]) -> None:
    for came, wanted in zip(rates(made, len(expected)), expected, strict=True):
        assert wanted is None or came == pytest.approx(wanted, abs=1e-15)


def test_one_cycle_ends_far_below_its_beginning() -> None:
    made = schedule("one_cycle", 0.1, steps=100, max_learning_rate=0.5)

    values = rates(made, 100)

    assert values[0] == pytest.approx(0.5 / 25)
    assert values[29] == pytest.approx(0.5)
    assert values[99] == pytest.approx(0.5 / 25 / 1e4)
    assert values[:30] == sorted(values[:30])
    assert values[29:] == sorted(values[29:], reverse=True)


@pytest.mark.parametrize("settings", [{"pct_start": 0.0}, {"pct_start": 1.0}, {"pct_start": 0.5}, {}])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_of_few_steps_has_finite_rates(steps: int, settings: dict[str, Any]) -> None:
    for three_phase in (False, True):
        made = schedule("one_cycle", steps=steps, three_phase=three_phase, **settings)

        assert all(0 < rate <= 1 for rate in rates(made, steps))


def test_a_rate_beyond_all_numbers_is_infinite() -> None:
    assert schedule("exponential", gamma=10).rate(400) == math.inf


def plateau(**settings: Any) -> Schedule:
    return schedule("reduce_on_plateau", factor=0.5, patience=1, **settings)


def after(made: Schedule, *losses: float) -> list[float]:
    """The rates of the epochs that follow each loss."""
    values = []
    for loss in losses:
        made.end_epoch(loss)
        values.append(made.rate(0))
    return values


@pytest.mark.parametrize(
    ("made", "losses", "expected"),
    [
        (plateau(), [3, 2, 2, 2, 2, 2], [1, 1, 1, 0.5, 0.5, 0.25]),
        (plateau(cooldown=2), [2] * 8, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]),
        (plateau(threshold=0.5), [4, 3, 2.1], [1, 1, 0.5]),
        (plateau(threshold=0.5), [4, 1.9, 1.8, 0.9], [1, 1, 1, 1]),
        (plateau(threshold=0.5, threshold_mode="abs"), [4, 3.6, 3.4, 3.3, 3.2], [1, 1, 1, 1, 0.5]),
        (plateau(min_learning_rate=0.4), [2] * 6, [1, 1, 0.5, 0.5, 0.4, 0.4]),
        (plateau(eps=0.6), [2] * 4, [1, 1, 1, 1]),
        (plateau(), [math.nan, math.nan], [1, 0.5]),
    ],
)
def test_the_rate_falls_where_the_loss_does_not(
    made: Schedule, losses: list[float], expected: list[float]
) -> None:
    assert after(made, *losses) == expected


def test_every_type_has_its_own_formula() -> None:
    needed: dict[str, dict[str, Any]] = {
        "step": {"step_size": 3},
        "multi_step": {"milestones": [2, 5]},
        "exponential": {"gamma": 0.9},
        "cosine_restarts": {"t_0": 5},
    }
    courses = {
        tuple(rates(schedule(kind, **needed.get(kind, {})), 12))
        for kind in SCHEDULES
        if kind != "reduce_on_plateau"
    }

    assert len(courses) == len(SCHEDULES) - 1
