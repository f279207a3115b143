"""What a probe of merged calls lets through, and what not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast import merged_calls, merging, small_products
from lockstep.core.engine.fast.calls import Form
from lockstep.core.engine.fast.merged_calls import stacked_product
from lockstep.core.ground.blas import Call
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.model.ops.base import product
from tests.core.engine.fast.test_together import ASKED, WIDE, at_once, differences, forgetful, work

pytestmark = [pytest.mark.bits, pytest.mark.usefixtures(at_once.__name__)]


def backwards(form: Form, arrays: Any, local: Any) -> Call | None:
    """A wrong way: the products of each sum are added from the last to the first."""
    if form.kind != "product":
        return None
    slots = [slot.number for slot in form.arguments]
    a, b, out = (arrays[slot] for slot in slots)
    axes = [array.ndim - own for array, own in zip((a, b, out), (local[slot] for slot in slots), strict=True)]
    if axes != [2, 2, 2]:
        return None

    def run() -> None:
        np.matmul(np.ascontiguousarray(a[..., ::-1]), np.ascontiguousarray(b[..., ::-1, :]), out)

    return run


@pytest.mark.usefixtures(forgetful.__name__)
def test_a_product_of_another_order_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(merged_calls.STACKED, "product", backwards)
    monkeypatch.setattr(merging, "tall", backwards)
    answers: list[bool] = []

    def noted(question: merging.LaneQuestion, way: merged_calls.Way) -> bool:
        alike = ASKED(question, way)
        if way is backwards and len(question.layouts[0].shape) == 2:
            answers.append(alike)
        return alike

    monkeypatch.setattr(merging, "is_alike", noted)

    assert differences(work(WIDE), 4) == 0
    assert answers
    assert not any(answers)


@pytest.mark.usefixtures(forgetful.__name__)
def test_if_it_were_let_through_it_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "tall", backwards)
    monkeypatch.setattr(merging, "is_alike", lambda _, way: way is backwards)

    assert differences(work(WIDE), 4) > 0


def test_tiles_of_another_order_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> list[Call]:
        return [product(np.ascontiguousarray(a[:, ::-1]), np.ascontiguousarray(b[::-1]), out)]

    a, b = np.zeros((32, 300), np.float32).T, np.zeros((32, 200), np.float32)
    layouts = ((a.shape, a.strides), (b.shape, b.strides))
    small_products.are_alike.cache_clear()
    try:
        right = small_products.are_alike(layouts, "float32")
        small_products.are_alike.cache_clear()
        monkeypatch.setattr(small_products, "tiles", lambda a, b, out: _late(turned, a, b, out))
        wrong = small_products.are_alike(layouts, "float32")
    finally:
        small_products.are_alike.cache_clear()

    assert not wrong
    assert right or blas_core() not in small_products.KERNELS


@pytest.mark.usefixtures(forgetful.__name__)
def test_a_product_of_other_zeros_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative of the negative factor's product has the same numbers, but for the signs of zeros."""

    def unsigned(form: Form, arrays: Any, local: Any) -> Call | None:
        if form.kind != "product" or stacked_product(form, arrays, local) is None:
            return None
        a, _, out = (slot.number for slot in form.arguments)

        def run() -> None:
            negative = [-each if number == a else each for number, each in enumerate(arrays)]
            product = stacked_product(form, negative, local)
            assert product is not None
            product()
            np.negative(arrays[out], arrays[out])

        return run

    answers: list[bool] = []

    def noted(question: merging.LaneQuestion, way: merged_calls.Way) -> bool:
        alike = ASKED(question, way)
        if way is unsigned:
            answers.append(alike)
        return alike

    monkeypatch.setitem(merged_calls.STACKED, "product", unsigned)
    monkeypatch.setattr(merging, "tall", unsigned)
    monkeypatch.setattr(merging, "is_alike", noted)

    assert differences(work(WIDE), 4) == 0
    assert answers
    assert not any(answers)


def _late(make: Callable[..., list[Call]], *arrays: np.ndarray) -> list[Call]:
    """Made when they are called, of the numbers that are there then."""

    def run() -> None:
        for call in make(*arrays):
            call()

    return [run]
