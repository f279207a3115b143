"""Nested lists of numbers: what is read, and where what is wrong is said to be."""

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lockstep.core.ground.numbers import MAX_AXES, Table, Weights, shape_of_numbers
from tests.effort import calls_of

WEIGHTS: TypeAdapter[Any] = TypeAdapter(Weights)
TABLE: TypeAdapter[Any] = TypeAdapter(Table)


def refused(adapter: TypeAdapter[Any], value: object) -> tuple[str, str, str]:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    (error,) = caught.value.errors()
    return error["ctx"]["at"], error["ctx"]["code"], error["ctx"]["message"]


def nested(depth: int, inner: object = 1) -> object:
    return inner if depth == 0 else [nested(depth - 1, inner)] * 2


@pytest.mark.parametrize("depth", range(MAX_AXES + 1))
def test_weights_have_up_to_five_axes(depth: int) -> None:
    value = WEIGHTS.validate_python(nested(depth))

    assert shape_of_numbers(value) == (2,) * depth
    assert WEIGHTS.validate_json(WEIGHTS.dump_json(value)) == value


@pytest.mark.parametrize(
    ("value", "at", "code"),
    [
        (nested(MAX_AXES + 1), "/0/0/0/0/0", "not_a_number"),
        ([[[1], [2]], [[3], ["4"]]], "/1/1/0", "not_a_number"),
        ([[[1], [2]], [[3], [math.inf]]], "/1/1/0", "not_finite"),
        ([[[1], [2]], [[3], [10**400]]], "/1/1/0", "not_finite"),
        ([[[1], [2]], [[3], [True]]], "/1/1/0", "not_a_number"),
        ([[[1], [2]], [[3]]], "/1", "ragged"),
        ([[[1], [2, 3]]], "/0/1", "ragged"),
        ([[[1], [2]], [3, 4]], "/1/0", "not_a_row"),
        ([[[1], []]], "/0/1", "empty"),
        ([[], [1]], "/0", "empty"),
        ("1", "", "not_a_number"),
    ],
)
def test_the_first_wrong_place_is_named(value: object, at: str, code: str) -> None:
    assert refused(WEIGHTS, value)[:2] == (at, code)


def test_shapes_that_differ_are_told() -> None:
    message = refused(WEIGHTS, [[[1, 2], [2, 3]], [[3, 4]]])[2]

    assert message == "expected 2 x 2 numbers as in the first entry, got 1 x 2; make all entries alike"


def test_tables_have_two_axes() -> None:
    assert refused(TABLE, [[[1]]])[:2] == ("/0/0", "not_a_number")
    assert TABLE.validate_python([[1, 2.5], [3, 4]]) == ((1, 2.5), (3, 4))


def test_a_kernel_is_read_at_c_speed() -> None:
    kernel = [[[[0.5] * 3] * 3] * 128] * 128  # 147,456 numbers

    assert calls_of(lambda: WEIGHTS.validate_python(kernel)) < 100_000
