"""Weights to start with."""

from typing import Any

import pytest

from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.submission import parse_spec
from lockstep.core.submission.check_start import MAX_NAMED, check_start, learned_shapes
from lockstep.core.submission.facts import Facts
from tests.specs import DIGITS, changed

OWN = {"0.weight": (32, 64), "0.bias": (32,), "2.weight": (10, 32), "2.bias": (10,)}


def problems(shapes: dict[str, tuple[int, ...]]) -> list[Problem]:
    return list(check_start(learned_shapes(Facts.of(parse_spec(DIGITS))), shapes))


def test_equal_names_and_shapes_fit() -> None:
    assert problems(dict(reversed(OWN.items()))) == []


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({name: shape for name, shape in OWN.items() if name != "0.bias"}, "0.bias is missing there"),
        (OWN | {"3.bias": (1,)}, "3.bias is not in this model"),
        (OWN | {"2.weight": (32, 10)}, "2.weight is (10, 32) here and (32, 10) there"),
        ({f"a{number}": (1,) for number in range(4)}, ", and 3 more;"),
    ],
)
def test_what_differs_is_named(shapes: dict[str, tuple[int, ...]], message: str) -> None:
    (problem,) = problems(shapes)

    assert (problem.pointer, problem.code) == ("/start_from", "other_weights")
    assert message in problem.message


@pytest.mark.parametrize(("differing", "rest"), [(MAX_NAMED, ""), (MAX_NAMED + 1, ", and 1 more")])
def test_only_so_many_are_named(differing: int, rest: str) -> None:
    (problem,) = problems({**OWN, **{f"a{number}": (1,) for number in range(differing)}})

    assert f"a{MAX_NAMED - 1} is not in this model{rest};" in problem.message


def test_two_starts_are_refused() -> None:
    raw: dict[str, Any] = changed(DIGITS, model__initial_weights={"0.bias": [0] * 32}, start_from="job_1")

    with pytest.raises(SpecError) as caught:
        parse_spec(raw)

    assert [problem.code for problem in caught.value.problems] == ["two_starts"]


@pytest.mark.parametrize("count", [-1, 1.5])
def test_a_count_is_a_whole_number(count: float) -> None:
    layers = [{"type": "batch_norm_1d", "num_features": 64}, *DIGITS["model"]["layers"]]
    start = {"0.num_batches_tracked": count, "0.running_mean": [0.5] * 64}

    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, model={"layers": layers, "initial_weights": start}))

    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("/model/initial_weights/0.num_batches_tracked", "not_a_count")


def test_kernels_have_the_shape_of_torch() -> None:
    layers = [
        {"type": "unflatten", "shape": [1, 8, 8]},
        {"type": "conv2d", "in": 1, "out": 2, "kernel_size": 3},
        {"type": "flatten"},
        {"type": "linear", "in": 72, "out": 10},
    ]
    model = {"layers": layers, "initial_weights": {"1.weight": [[[[0.5] * 3] * 3]] * 2}}
    assert parse_spec(changed(DIGITS, model=model))

    model["initial_weights"] = {"1.weight": [[[0.5] * 3] * 3] * 2}
    with pytest.raises(SpecError, match=r"expected the shape \(2, 1, 3, 3\), got \(2, 3, 3\)"):
        parse_spec(changed(DIGITS, model=model))
