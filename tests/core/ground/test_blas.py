"""Vector updates in one pass: by NumPy's BLAS where it is found, else by NumPy."""

import numpy as np
import pytest

from lockstep.core.ground import blas
from lockstep.core.ground.blas import MANY, SHORT, WIDEST, Call, Vectors, product_with_gaps, row_added
from lockstep.core.optim import BLOCK

pytestmark = pytest.mark.bits


def run(calls: list[Call]) -> int:
    for call in calls:
        call()
    return len(calls)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, SHORT - 1, SHORT, 3 * SHORT + 17])
def test_both_are_right_at_any_length(size: int, dtype: str) -> None:
    random = np.random.default_rng(size)
    x, y = random.normal(size=(2, size)).astype(dtype)
    a, b, work = np.array(0.3, dtype), np.array(-0.9, dtype), np.empty(size, dtype)
    vectors = Vectors(size, np.dtype(dtype))
    moved, mixed = y.copy(), y.copy()

    run(vectors.axpy(a, x, moved, work))
    run(vectors.axpby(a, x, b, mixed, work))

    tiny = 4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(moved, y + a * x, rtol=0, atol=tiny)
    np.testing.assert_allclose(mixed, b * y + a * x, rtol=0, atol=tiny)


def test_numbers_are_read_at_each_call() -> None:
    y = np.zeros(SHORT)
    a = np.array(1.0)
    calls = Vectors(SHORT, y.dtype).axpy(a, np.ones(SHORT), y, np.empty(SHORT))

    run(calls)
    a[()] = 10.0
    run(calls)

    assert y.tolist() == [11.0] * SHORT


def test_numpys_own_blas_is_found() -> None:
    """On the wheels that `make install` takes; elsewhere two passes do it."""
    assert len(Vectors(SHORT, np.dtype("float32")).axpy(*np.zeros((4, SHORT), "float32"))) == 1


def test_without_a_blas_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_NAMES", ())
    blas._routines.cache_clear()
    try:
        y = np.ones(SHORT)
        passes = run(Vectors(SHORT, y.dtype).axpy(np.array(2.0), np.ones(SHORT), y, np.empty(SHORT)))
    finally:
        blas._routines.cache_clear()

    assert passes == 2
    assert y.tolist() == [3.0] * SHORT


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("block", "size"),
    [
        (BLOCK, 2 * BLOCK + 11),
        (SHORT, 5 * SHORT + 11),
        (WIDEST, 5 * SHORT + 11),
        (3 * WIDEST, 5 * SHORT + 65),
    ],
    ids=["the optimizers'", "short", "the least", "odd"],
)
def test_blocks_of_whole_turns_alter_no_bits(block: int, size: int, dtype: str) -> None:
    assert in_blocks(block, size, dtype) == in_blocks(size, size, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block", [WIDEST - 1, WIDEST + 1, SHORT - 1, SHORT + 1])
def test_other_blocks_alter_bits_where_a_rest_is_rounded_otherwise(block: int, dtype: str) -> None:
    """Numbers one by one are rests alone. Where they differ from whole turns, so does a cut within a turn."""
    size = 80 * SHORT
    rests_differ = in_blocks(1, SHORT, dtype) != in_blocks(SHORT, SHORT, dtype)

    assert (in_blocks(block, size, dtype) != in_blocks(size, size, dtype)) == rests_differ


def in_blocks(block: int, size: int, dtype: str) -> bytes:
    """Random vectors after both calls on one block after the other."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, size)).astype(dtype)
    a, b, work = np.array(0.3, dtype), np.array(0.9, dtype), np.empty(size, dtype)
    vectors = Vectors(size, x.dtype)
    for start in range(0, size, block):
        part = slice(start, start + block)
        run(vectors.axpby(a, x[part], b, y[part], work[part]))
        run(vectors.axpy(a, x[part], y[part], work[part]))
    return bytes(y.tobytes())


def test_the_optimizers_blocks_are_whole_turns_of_a_kernel() -> None:
    assert BLOCK % WIDEST == 0


def laid_out(shape: tuple[int, int], gap: int, *, turned: bool, dtype: str) -> np.ndarray:
    """A random matrix with a gap between its rows, or, `turned`, between its columns."""
    rows, columns = shape[::-1] if turned else shape
    wide = np.random.default_rng(rows).standard_normal((rows, columns + gap)).astype(dtype)
    return wide[:, :columns].T if turned else wide[:, :columns]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(64, 65, 32), (10, 33, 64), (3, 5, 7), (128, 300, 77), (33, 784, 2)])
@pytest.mark.parametrize("gaps", [(0, 0, 1), (1, 0, 0), (5, 3, 2)])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_a_product_with_gaps_has_the_bits_of_numpys(
    sizes: tuple[int, int, int], gaps: tuple[int, int, int], turned: tuple[bool, bool], dtype: str
) -> None:
    rows, inner, columns = sizes
    a = laid_out((rows, inner), gaps[0], turned=turned[0], dtype=dtype)
    b = laid_out((inner, columns), gaps[1], turned=turned[1], dtype=dtype)
    room = np.full((rows, columns + gaps[2]), 7.0, dtype)
    expected = room.copy()
    np.matmul(a, b, expected[:, :columns])

    call = product_with_gaps(a, b, room[:, :columns])

    assert call is not None
    call()
    assert room.tobytes() == expected.tobytes()


def test_what_blas_cannot_read_is_left_to_numpy() -> None:
    whole, out = np.ones((8, 8)), np.ones((4, 4))
    row = np.ones((1, 4))

    assert product_with_gaps(whole[::2, ::2], out, out) is None
    assert product_with_gaps(out, whole[::2, ::2], out) is None
    assert product_with_gaps(out, out, out.T[:, ::1]) is None
    assert product_with_gaps(row, out, row) is None
    assert product_with_gaps(np.ones((4, 4), int), np.ones((4, 4), int), np.ones((4, 4), int)) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, MANY), (MANY, 2), (128, 256), (77, 301)])
def test_a_row_is_added_with_the_bits_of_numpy(shape: tuple[int, int], dtype: str) -> None:
    random = np.random.default_rng(shape[0])
    matrix, row = random.standard_normal(shape).astype(dtype), random.standard_normal(shape[1]).astype(dtype)
    matrix[0, 0], row[0] = -0.0, -0.0
    row[1] = np.inf
    expected = matrix + row

    call = row_added(row, matrix)

    assert call is not None
    call()
    assert matrix.tobytes() == expected.tobytes()


def test_few_numbers_and_other_layouts_get_their_row_from_numpy() -> None:
    row = np.ones(64)

    assert row_added(row, np.ones((2, 64))) is None
    assert row_added(row, np.ones((64, 128)).T) is None
    assert row_added(row, np.ones((64, 128))[:, :64]) is None
    assert row_added(np.ones(()), np.ones((64, 128))) is None
