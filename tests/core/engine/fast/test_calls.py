"""Calls taken apart: what they read and write, and the same on other arrays."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast.calls import reading_of
from lockstep.core.ground.blas import Call, product_with_gaps, row_added
from lockstep.core.ground.random import Stream

SHAPES = {"x": (6, 4), "y": (6, 4), "w": (4, 5), "z": (6, 5), "row": (4,), "column": (6,), "one": ()}


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    return {name: random.normal(size=shape) for name, shape in SHAPES.items()} | {
        "places": np.array([3, 0, 2]),
        "taken": np.zeros((3, 4)),
    }


def gapped(of: dict[str, np.ndarray]) -> Call:
    call = product_with_gaps(of["x"], of["w"], of["z"])
    assert call is not None
    return call


CALLS: dict[str, tuple[Any, str]] = {
    "ufunc": (lambda of: partial(np.add, of["x"], of["row"], of["y"]), "y"),
    "ufunc by name": (lambda of: partial(np.maximum, of["x"], of["y"], out=of["y"]), "y"),
    "where": (lambda of: partial(np.copyto, of["y"], 0.0, where=of["x"] > 0), "y"),
    "copy": (lambda of: partial(np.copyto, of["y"], of["x"]), "y"),
    "clip": (lambda of: partial(np.clip, of["x"], 0, 1, out=of["y"]), "y"),
    "reduction": (lambda of: partial(np.add.reduce, of["x"], 0, None, of["row"]), "row"),
    "matmul": (lambda of: partial(np.matmul, of["x"], of["w"], of["z"]), "z"),
    "dot": (lambda of: partial(of["x"].dot, of["w"], of["z"]), "z"),
    "dot of vectors": (lambda of: partial(np.dot, of["column"], of["column"], of["one"]), "one"),
    "with gaps": (gapped, "z"),
    "take": (lambda of: partial(of["x"].take, of["places"], axis=0, out=of["taken"], mode="clip"), "taken"),
    "put": (lambda of: partial(of["x"].put, of["places"], of["one"], "clip"), "x"),
    "fill": (lambda of: partial(of["x"].fill, 2.0), "x"),
    "set": (lambda of: partial(of["x"].__setitem__, ..., of["row"]), "x"),
    "add at": (lambda of: partial(np.add.at, of["column"], of["places"], 1.0), "column"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_written_and_the_same_on_other_arrays(name: str) -> None:
    make, written = CALLS[name]
    here, there = arrays(), arrays()
    reading = reading_of(make(here))
    assert reading is not None

    assert [each is here[written] for each in reading.written] == [True]
    names = {id(array): name for name, array in here.items()}
    others = [there[names[id(each)]] if id(each) in names else each for each in reading.operands]
    reading.form.on(others)()
    make(here)()
    assert {name: each.tolist() for name, each in here.items()} == {
        name: each.tolist() for name, each in there.items()
    }


def test_a_row_that_is_added_by_blas() -> None:
    row, out = np.arange(64.0), np.ones((64, 64))
    call = row_added(row, out)
    if call is None:
        pytest.skip("needs NumPy's own BLAS")
    reading = reading_of(call)
    assert reading is not None
    (written,) = reading.written
    assert written is out

    reading.form.on([row, other := np.zeros((64, 64))])()

    assert (other == row).all()


def test_one_view_is_one_operand() -> None:
    x = np.ones((3, 4))

    reading = reading_of(partial(np.add, x, x[:], x))

    assert reading is not None
    assert len(reading.operands) == 1


def test_random_numbers_are_told() -> None:
    stream, out = Stream(1, "node", 2), np.empty(5)

    reading = reading_of(partial(stream.uniform, out))

    assert reading is not None
    assert reading.stream is stream
    assert [each is out for each in reading.written] == [True]


@pytest.mark.parametrize("call", [lambda: None, partial(sorted, [1]), partial([1].append, 2)])
def test_of_others_nothing_is_known(call: Call) -> None:
    assert reading_of(call) is None
