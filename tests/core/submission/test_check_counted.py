"""A part of the data in which no target counts is refused: the loss of it would be 0 divided by 0."""

from itertools import count
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.spec import InlineData
from lockstep.core.data.split import part_rows
from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.learning.loading import load_dataset
from lockstep.core.losses import denominator, weight_by_row
from lockstep.core.losses.multi_margin import MultiMarginLoss
from lockstep.core.submission import parse_spec, resolve
from lockstep.core.submission.check_counted import MAX_DRAWS
from tests.core.learning.training_jobs import finished, training
from tests.specs import DIGITS, changed, linear

LOGS: list[Any] = [*linear(1, 3)["layers"], {"type": "log_softmax"}]
LOSSES: dict[str, tuple[dict[str, Any], int]] = {
    "cross_entropy, ignored": ({"type": "cross_entropy", "ignore_index": -1}, -1),
    "cross_entropy, ignored class": ({"type": "cross_entropy", "ignore_index": 2, "weight": [1, 2, 3]}, 2),
    "cross_entropy, weight 0": ({"type": "cross_entropy", "weight": [1, 2, 0]}, 2),
    "cross_entropy, both": ({"type": "cross_entropy", "weight": [1, 2, 0], "ignore_index": 9}, 2),
    "nll, ignored": ({"type": "nll", "ignore_index": -1}, -1),
    "nll, weight 0": ({"type": "nll", "weight": [1, 2, 0]}, 2),
    "multi_margin, weight 0": ({"type": "multi_margin", "weight": [1, 2, 0]}, 2),
}
"""Each way not to count: the loss, and the target that it leaves out."""
PARTS = {"training": "test_fraction", "validation": "validation_fraction", "test": "test_fraction"}
SEED = 11
ROWS = 20


def job(name: str, y: list[Any], **changes: Any) -> dict[str, Any]:
    spec = changed(DIGITS, loss=LOSSES[name][0], model=linear(1, 3))
    spec["data"] = {
        "inline": {"x": list(range(ROWS)), "y": y},
        "validation_fraction": 0.2,
        "test_fraction": 0.2,
    }
    if name.startswith("nll"):
        spec["model"] = {"layers": LOGS}
    return spec | {"seed": SEED} | changes


def numbers_of(part: str, raw: dict[str, Any]) -> list[int]:
    data = InlineData.model_validate(raw["data"])
    rows = part_rows(ROWS, data, SEED)
    return list({"training": rows.train, "validation": rows.validation, "test": rows.test}[part])


def with_nothing_in(part: str, name: str, **changes: Any) -> dict[str, Any]:
    y = [row % 2 for row in range(ROWS)]
    for row in numbers_of(part, job(name, [0] * ROWS)):
        y[row] = LOSSES[name][1]
    return job(name, y, **changes)


def problems_of(raw: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        resolve(parse_spec(raw), lambda: SEED)
    return caught.value.problems


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", LOSSES)
def test_each_part_and_each_way(name: str, part: str) -> None:
    (problem,) = problems_of(with_nothing_in(part, name))

    assert problem.code == "nothing_counts"
    pointer = "/data/validation_fraction" if part == "training" else f"/data/{PARTS[part]}"
    assert problem.pointer == pointer
    assert (
        f"in the {part} part, got {12 if part == 'training' else 4} rows with none by seed 11"
        in problem.message
    )


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", LOSSES)
def test_one_row_that_counts_is_enough(name: str, part: str) -> None:
    raw = with_nothing_in(part, name)
    raw["data"]["inline"]["y"][numbers_of(part, raw)[-1]] = 1
    spec = resolve(parse_spec(raw), lambda: SEED)
    dataset = load_dataset(spec)

    for rows in (dataset.train, dataset.validation, dataset.test):
        assert rows is not None
        if isinstance(spec.loss, MultiMarginLoss):
            weights = weight_by_row(spec.loss, rows.y)
            assert weights is not None
            assert weights.any()
        assert denominator(spec.loss, rows.y) > 0
    outcome = finished(training(raw | {"epochs": 1})).outcome()
    assert np.isfinite(list(outcome.metrics.values())).all()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_at_all(name: str) -> None:
    raw = job(name, [LOSSES[name][1]] * ROWS)
    problems = problems_of(raw)

    assert [problem.code for problem in problems] == ["nothing_counts"]
    assert problems[0].pointer in ("/loss/ignore_index", "/loss/weight")


@pytest.mark.parametrize("name", LOSSES)
def test_a_drawn_seed_is_one_by_which_all_parts_count(name: str) -> None:
    raw = with_nothing_in("validation", name)
    del raw["seed"]
    drawn = count(SEED)

    spec = resolve(parse_spec(raw), lambda: next(drawn))

    assert spec.seed > SEED
    assert problems_of(with_nothing_in("validation", name))


def test_too_few_rows_that_count_for_any_seed() -> None:
    raw = job("nll, ignored", [1, 0] + [-1] * (ROWS - 2))
    del raw["seed"]
    (problem,) = problems_of(raw)

    assert (problem.pointer, problem.code) == ("/data/validation_fraction", "nothing_counts")
    assert "for each of 3 parts, got 2 in all" in problem.message


def test_draws_have_an_end() -> None:
    raw = with_nothing_in("test", "nll, ignored")
    del raw["seed"]
    drawn: list[int] = []

    def same() -> int:
        drawn.append(SEED)
        return SEED

    with pytest.raises(SpecError, match="test part"):
        resolve(parse_spec(raw), same)
    assert len(drawn) == MAX_DRAWS


def test_data_that_come_with_lockstep_are_looked_at_too() -> None:
    """iris has 50 rows of each class; 2 of them validate."""
    weights = {"type": "cross_entropy", "weight": [0, 0, 1]}
    base = changed(
        DIGITS, model=linear(4, 3), loss=weights, data={"builtin": "iris", "validation_fraction": 0.01}
    )
    refused = []
    for seed in range(20):
        try:
            parse_spec(base | {"seed": seed})
        except SpecError as error:
            refused += [problem.pointer for problem in error.problems]

    assert 3 < len(refused) < 20
    assert set(refused) == {"/data/validation_fraction"}


def test_a_loss_that_leaves_nothing_out_is_not_asked() -> None:
    for loss in ("cross_entropy", "multi_margin", {"type": "cross_entropy", "weight": [1, 2, 3]}):
        parse_spec(job("multi_margin, weight 0", [2] * ROWS) | {"loss": loss})
