"""Numbers that tell two ways apart: each kind finds the faults that it is there for, in each result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast.telling import MAX_DRAWS, MIN_DRAWS, AddingQuestion, Factors, draws

DTYPES = ["float32", "float64"]
INNERS = [2, 3, 4, 7, 16, 55, 330]
Way = Callable[[AddingQuestion, Factors], Any]


def question(shape: tuple[int, int, int], dtype: str, *, scaled: bool) -> AddingQuestion:
    rows, inner, columns = shape
    there, added = np.zeros((2, rows * columns), dtype)
    a, b = np.zeros((rows, inner), dtype), np.zeros((inner, columns), dtype)
    factors = Factors(a=a, b=b, there=there.reshape(rows, columns))
    return AddingQuestion(rate=np.ones((), dtype), there=there, added=added, factors=[factors], scaled=scaled)


def total(start: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products added to `start` one by one, each sum rounded."""
    result = start.copy()
    for k in range(a.shape[1]):
        result += a[:, k, None] * b[k]
    return result


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return total(np.zeros((len(a), b.shape[1]), a.dtype), a, b)


def right(asked: AddingQuestion, f: Factors) -> Any:
    return f.there + asked.rate * product(f.a, f.b)


def in_two_parts(at: int) -> Way:
    def way(asked: AddingQuestion, f: Factors) -> Any:
        first = f.there + asked.rate * product(f.a[:, :at], f.b[:at])
        return first + asked.rate * product(f.a[:, at:], f.b[at:])

    return way


def from_what_is_there(asked: AddingQuestion, f: Factors) -> np.ndarray:
    return total(f.there, asked.rate * f.a, f.b)


def backwards(asked: AddingQuestion, f: Factors) -> Any:
    return f.there + asked.rate * product(f.a[:, ::-1], f.b[::-1])


def in_halves(asked: AddingQuestion, f: Factors) -> Any:
    middle = f.a.shape[1] // 2
    return f.there + asked.rate * (
        product(f.a[:, :middle], f.b[:middle]) + product(f.a[:, middle:], f.b[middle:])
    )


def from_the_first(asked: AddingQuestion, f: Factors) -> Any:
    """Sums that begin at a product, not at 0."""
    return f.there + asked.rate * total(f.a[:, 0, None] * f.b[0], f.a[:, 1:], f.b[1:])


def fused(asked: AddingQuestion, f: Factors) -> np.ndarray:
    """Multiplied and added in one rounding; float32 alone, of which float64 holds each product."""
    wide = product(f.a, f.b).astype("float64") * float(asked.rate) + f.there
    result: np.ndarray = wide.astype(f.there.dtype)
    return result


def found(shape: tuple[int, int, int], dtype: str, way: Way, *, scaled: bool) -> np.ndarray:
    """In which results the bits of a way differ from the right ones by any of the draws."""
    asked = question(shape, dtype, scaled=scaled)
    factors = asked.factors[0]
    told = np.zeros(factors.there.shape, bool)
    whole = f"u{factors.there.itemsize}"
    for _ in draws(asked):
        told |= way(asked, factors).view(whole) != right(asked, factors).view(whole)
    return told


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inner", INNERS)
def test_a_result_that_joins_in_parts_is_told_apart_in_each_place(
    inner: int, dtype: str, *, scaled: bool
) -> None:
    ways = [in_two_parts(at) for at in {1, 2, inner // 2, inner - 1} if 0 < at < inner]
    for way in (*ways, from_what_is_there):
        asked = question((4, inner, 4), dtype, scaled=scaled)
        next(draws(asked))

        assert (way(asked, asked.factors[0]) != right(asked, asked.factors[0])).all()


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inner", [4, 16, 55, 330])
def test_another_order_of_products_is_told_apart_in_each_place(
    inner: int, dtype: str, *, scaled: bool
) -> None:
    for way in (backwards, in_halves):
        assert found((4, inner, 4), dtype, way, scaled=scaled).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_that_begin_at_their_first_product_are_told_apart(dtype: str) -> None:
    for scaled in (False, True):
        assert found((4, 5, 4), dtype, from_the_first, scaled=scaled)[:, 1::2].all()


def test_one_rounding_is_told_from_two_in_each_place() -> None:
    assert found((2, 3, 2), "float32", fused, scaled=True).all()


@pytest.mark.parametrize("scaled", [False, True])
def test_the_right_way_is_told_apart_nowhere(*, scaled: bool) -> None:
    assert not found((4, 55, 4), "float32", right, scaled=scaled).any()


def test_no_whole_number_of_the_longest_product_is_rounded() -> None:
    inner = 2**22
    asked = question((2, inner, 2), "float32", scaled=False)
    next(draws(asked))

    values = asked.factors[0].a[0]
    assert values.min() >= 2
    assert values.sum(dtype="float64") == 2**23 + 1 == np.spacing(asked.there[0]) / 2 + 1


def test_small_products_get_many_draws_and_large_ones_few() -> None:
    counts = [sum(1 for _ in draws(question(shape, "float32", scaled=False))) for shape in SHAPES]

    assert counts == [2 + MAX_DRAWS, 2 + MAX_DRAWS, 2 + 12, 2 + MIN_DRAWS, 2 + MIN_DRAWS]


SHAPES = [(2, 2, 2), (4, 330, 4), (10, 64, 33), (256, 128, 128), (2, 2**20, 2)]
