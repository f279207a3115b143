"""Layers over images that do not fit: where, and in which words."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_spec
from tests.core.model.images import FLATTEN, Layer, conv, linear, pool, unflatten
from tests.specs import DIGITS, changed

IMAGE = unflatten(1, 8, 8)
NORM: Layer = {"type": "batch_norm_2d", "num_features": 4}

WRONG: list[tuple[list[Layer], str, str, str]] = [
    (
        [unflatten(1, 8, 9)],
        "/0/shape",
        "shape_mismatch",
        "expected a shape of 64 numbers in all, because the data has 64 columns, got [1, 8, 9], which has 72",
    ),
    (
        [IMAGE, unflatten(64)],
        "/1",
        "wrong_axes",
        'rows of numbers, because the layer works on them, but layer "0"',
    ),
    ([conv(1, 4, 3)], "/0", "wrong_axes", "expected images [channels, height, width]"),
    ([IMAGE, conv(1, 4, 3, axes=1)], "/1", "wrong_axes", "expected signals [channels, length]"),
    ([IMAGE, conv(3, 4, 3), FLATTEN, linear(144, 10)], "/1/in", "width_mismatch", 'set "in" to 1'),
    (
        [unflatten(4, 4, 4), conv(4, 6, 3, groups=4), FLATTEN, linear(24, 10)],
        "/1/groups",
        "groups_mismatch",
        'expected a divisor of both "in" (4) and "out" (6), got 4; take one of 1, 2',
    ),
    (
        [IMAGE, conv(1, 4, [3, 9])],
        "/1/kernel_size",
        "kernel_too_large",
        "expected a kernel that reaches over at most [8, 8], because "
        'layer "0" gives the shape [1, 8, 8], got one over [3, 9]; make it smaller or add padding',
    ),
    (
        [IMAGE, conv(1, 4, 5, dilation=3, padding=1)],
        "/1/kernel_size",
        "kernel_too_large",
        "[1, 8, 8], [10, 10] with the padding, got one over [13, 13]",
    ),
    (
        [unflatten(4, 16), {"type": "avg_pool1d", "kernel_size": 17}],
        "/1/kernel_size",
        "kernel_too_large",
        "most 16,",
    ),
    (
        [IMAGE, pool("max", [2, 3], padding=[1, 2]), FLATTEN, linear(20, 10)],
        "/1/padding",
        "padding_too_large",
        "expected at most half of kernel_size, [1, 1], got [1, 2]",
    ),
    ([{"type": "adaptive_avg_pool2d", "output_size": 2}], "/0", "wrong_axes", "images"),
    ([NORM], "/0", "wrong_axes", "images [channels, height, width]"),
    ([IMAGE, NORM, FLATTEN, linear(64, 10)], "/1/num_features", "width_mismatch", 'set "num_features" to 1'),
    (
        [IMAGE, {"type": "batch_norm_1d", "num_features": 1}, FLATTEN, linear(64, 10)],
        "/1",
        "wrong_axes",
        "take batch_norm_2d for images",
    ),
    ([IMAGE, conv(1, 2, 3), FLATTEN, linear(64, 10)], "/3/in", "width_mismatch", "expected 72"),
    ([IMAGE, FLATTEN, {"type": "dropout"}], "", "nothing_to_learn", "add a linear layer"),
]


@pytest.mark.parametrize(("layers", "pointer", "code", "words"), WRONG)
def test_what_does_not_fit_is_named(layers: list[Layer], pointer: str, code: str, words: str) -> None:
    raw: dict[str, Any] = changed(DIGITS, model={"layers": layers})

    with pytest.raises(SpecError) as caught:
        parse_spec(raw)

    found = [(problem.pointer, problem.code) for problem in caught.value.problems]
    assert found == [(f"/model/layers{pointer}", code)]
    assert words in caught.value.problems[0].message


def test_several_problems_are_told_at_once() -> None:
    """Where it is known what a layer gives in spite of a misfit, those after it are looked at."""
    layers = [IMAGE, conv(3, 4, 3), pool("max", 2, padding=2), FLATTEN, linear(7, 10)]

    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, model={"layers": layers}))

    pointers = [problem.pointer.removeprefix("/model/layers") for problem in caught.value.problems]
    assert pointers == ["/1/in", "/2/padding", "/4/in"]


def test_what_fits_is_taken() -> None:
    layers = [
        IMAGE,
        conv(1, 4, 3, padding=1),
        NORM,
        {"type": "relu"},
        pool("max", 2),
        {"type": "dropout", "p": 0.2},
        {"type": "adaptive_avg_pool2d", "output_size": [1, 1]},
        FLATTEN,
        linear(4, 10),
    ]

    parse_spec(changed(DIGITS, model={"layers": layers}))
