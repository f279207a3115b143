"""What NumPy has no call for, or a dear one, by the BLAS that NumPy itself computes with.

y += a x and y = a x + b y of vectors in one pass, where np.multiply and np.add go over the memory twice,
which for the update of large models is most of what it costs; a product into a matrix with gaps between its
rows. Where NumPy's BLAS can't be reached, or vectors are so short that a call costs more than the passes,
NumPy does it. For vectors the two ways round differently; which one it is follows from the vector's length
and from what the numerics fingerprint covers.
"""

import ctypes
import functools
import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Call = Callable[[], object]

SHORT = 1024
"""Vectors of fewer elements are left to NumPy."""
WIDEST = 64
"""A multiple of what any kernel of BLAS takes in one turn.

Here equal bits end: a vector may be cut where a turn ends and nowhere else. Of what is left at its end, less
than a turn, some kernels round the product and then the sum, where a turn rounds once (Haswell's; its turns
are 32 numbers of float32, 16 of float64). A cut in the middle of a turn makes such a rest out of numbers that
were in a turn.
"""
MANY = 4096
"""A matrix of fewer elements gets a row added by NumPy."""
LONG = 2**21
"""Products of more multiplications take longer than it takes to give the interpreter's lock away."""

# (prefix, suffix, whole number) of the names: NumPy's own wheels; other builds with 64 and with 32 bits.
_NAMES = (
    ("scipy_cblas_", "64_", ctypes.c_int64),
    ("cblas_", "64_", ctypes.c_int64),
    ("cblas_", "", ctypes.c_int),
)
_NUMBERS: dict[str, tuple[str, Any]] = {"float32": ("s", ctypes.c_float), "float64": ("d", ctypes.c_double)}
_ROW_MAJOR = ctypes.c_int(101)
_AS_IT_IS, _TRANSPOSED = ctypes.c_int(111), ctypes.c_int(112)


class BlasCall(partial[object]):
    """A call that takes pointers: `arrays` says to what, `kind` which function here has made it."""

    kind: str
    arrays: tuple[np.ndarray, ...]


class Vectors:
    """Makes calls for vectors of `size` elements of one dtype, or for blocks of such.

    Blocks that begin at multiples of WIDEST alter no bits; others may. Vectors have no gaps. Numbers are 0-d
    arrays, read at each call.
    """

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self._routines = _routines(dtype.name) if size >= SHORT else None

    @property
    def fused(self) -> bool:
        """Whether BLAS does it, in one pass; `work` is then left alone."""
        return self._routines is not None

    def axpy(self, a: np.ndarray, x: np.ndarray, y: np.ndarray, work: np.ndarray) -> list[Call]:
        """y += a x. `work`, as long as they are, may be overwritten, and may be x."""
        if self._routines is None:
            return [partial(np.multiply, x, a, work), partial(np.add, y, work, y)]
        return [self._routines.axpy(a, x, y)]

    def axpby(
        self, a: np.ndarray, x: np.ndarray, b: np.ndarray, y: np.ndarray, work: np.ndarray
    ) -> list[Call]:
        """y = a x + b y; see axpy."""
        if self._routines is None:
            return [partial(np.multiply, y, b, y), *self.axpy(a, x, y, work)]
        return [self._routines.axpby(a, x, b, y)]


def product_with_gaps(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Call | None:
    """out = a @ b for matrices, of which each has rows or columns without gaps; `out` has such rows.

    It is np.matmul's own call of BLAS, without what np.matmul does around it. None where that is not so: an
    unreachable BLAS, another layout, a matrix of one row or column.
    """
    routines = _routines_for(a, b, out)
    one, zero = (np.array(value, out.dtype) for value in (1.0, 0.0))
    if routines is None:
        return None
    return _known("product", (a, b, out), routines.gemm(one, (a, b), zero, out))


def product_added(alpha: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Call | None:
    """out += alpha (a @ b), `alpha` a 0-d array read at each call; None as product_with_gaps.

    Whether this has the bits of the product and then y += a x depends on the sizes:
    core/engine/fast/adding.py asks.
    """
    routines = _routines_for(a, b, out)
    return routines.gemm(alpha, (a, b), np.array(1.0, out.dtype), out) if routines else None


def row_added(row: np.ndarray, out: np.ndarray) -> Call | None:
    """out += row, to each row of a matrix in C order; None where NumPy is to do it.

    As a product of a column of ones and the row that is added. Each number is rounded once, as in np.add,
    which takes twice the time where the rows are many.
    """
    routines = _routines(out.dtype.name)
    plain = out.ndim == 2 and row.shape == out.shape[1:] and out.flags.c_contiguous
    if routines is None or not plain or out.size < MANY or min(out.shape) < 2:
        return None
    return _known("row", (row, out), routines.ger(np.ones(len(out), out.dtype), row, out))


def _known(kind: str, arrays: tuple[np.ndarray, ...], call: "partial[object]") -> BlasCall:
    known = BlasCall(call.func, *call.args)
    known.kind, known.arrays = kind, arrays
    return known


class _Routines:
    """The routines of one kind of number, out of a loaded library. Raises AttributeError without them.

    The interpreter's lock is kept meanwhile (PyDLL), for most take less time than to give it away; a product
    that is LONG leaves it to other threads, as NumPy's own do. All arguments are C values already, which is
    what makes a call cheap; so the library is told of no types.
    """

    def __init__(self, path: str, names: tuple[str, str, Any], dtype: str) -> None:
        prefix, suffix, self._whole = names
        letter, self._number = _NUMBERS[dtype]
        # Names are looked for in the libraries that the one at `path` is linked with, too.
        keeping, giving = ctypes.PyDLL(path), ctypes.CDLL(path)
        functions = [
            getattr(keeping, f"{prefix}{letter}{name}{suffix}") for name in ("axpy", "axpby", "gemm", "ger")
        ]
        functions.append(getattr(giving, f"{prefix}{letter}gemm{suffix}"))
        for function in functions:
            function.restype = None
        self._axpy, self._axpby, self._gemm, self._ger, self._long_gemm = functions

    def axpy(self, a: np.ndarray, x: np.ndarray, y: np.ndarray) -> Call:
        return partial(self._axpy, self._whole(y.size), self._shared(a), *self._vector(x), *self._vector(y))

    def axpby(self, a: np.ndarray, x: np.ndarray, b: np.ndarray, y: np.ndarray) -> Call:
        first = (self._whole(y.size), self._shared(a), *self._vector(x))
        return partial(self._axpby, *first, self._shared(b), *self._vector(y))

    def gemm(
        self, alpha: np.ndarray, factors: tuple[np.ndarray, np.ndarray], beta: np.ndarray, out: np.ndarray
    ) -> "partial[object]":
        """out = alpha (a @ b) + beta out, for matrices that have a `_layout`."""
        a, b = factors
        (turned_a, *left), (turned_b, *right), (_, *target) = (self._matrix(each) for each in (a, b, out))
        sizes = (self._whole(size) for size in (*out.shape, a.shape[1]))
        scaled = (self._shared(alpha), *left, *right, self._shared(beta), *target)
        function = self._long_gemm if out.size * a.shape[1] > LONG else self._gemm
        return partial(function, _ROW_MAJOR, turned_a, turned_b, *sizes, *scaled)

    def ger(self, column: np.ndarray, row: np.ndarray, out: np.ndarray) -> "partial[object]":
        """out += column row, for an `out` that has a `_layout` with rows without gaps."""
        _, *target = self._matrix(out)
        sizes = (self._whole(size) for size in out.shape)
        vectors = (*self._vector(column), *self._vector(row))
        return partial(self._ger, _ROW_MAJOR, *sizes, self._number(1.0), *vectors, *target)

    def _shared(self, number: np.ndarray) -> Any:
        """A C number in the memory of a 0-d array, so that it follows what is written there."""
        return self._number.from_buffer(number)

    def _vector(self, array: np.ndarray) -> tuple[Any, Any]:
        if array.ndim != 1 or not array.flags.c_contiguous:
            raise ValueError(f"expected a vector without gaps, got strides {array.strides}")
        return array.ctypes.data_as(ctypes.c_void_p), self._whole(1)  # the pointer keeps the array alive

    def _matrix(self, array: np.ndarray) -> tuple[Any, Any, Any]:
        layout = _layout(array)
        if layout is None:
            raise ValueError(f"expected a matrix that BLAS can read, got strides {array.strides}")
        turned, gap = layout
        return turned, array.ctypes.data_as(ctypes.c_void_p), self._whole(gap)


def _routines_for(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> "_Routines | None":
    """The routines, where all three matrices lie so that they can be read, and `out` in rows."""
    layouts = [_layout(each) for each in (a, b, out)]
    if layouts[0] is None or layouts[1] is None or layouts[2] is None or layouts[2][0] is not _AS_IT_IS:
        return None
    return _routines(out.dtype.name)


def _layout(matrix: np.ndarray) -> tuple[ctypes.c_int, int] | None:
    """How BLAS has to read a matrix, and how many elements lie from one row (or column) to the next.

    None for what it can't read so, and for one row or column, for which NumPy calls other routines.
    """
    if matrix.ndim != 2 or min(matrix.shape) < 2:
        return None
    (rows, columns), (down, along) = matrix.shape, matrix.strides
    size = matrix.itemsize
    if along == size and down >= columns * size and down % size == 0:
        return _AS_IT_IS, down // size
    if down == size and along >= rows * size and along % size == 0:
        return _TRANSPOSED, along // size
    return None


@functools.cache
def _routines(dtype: str) -> _Routines | None:
    """Those of NumPy's BLAS; None where they are not to be found, or give something else than they should."""
    try:
        path = str(importlib.import_module("numpy._core._multiarray_umath").__file__)
        ctypes.PyDLL(path)
    except (ImportError, OSError):
        return None
    for names in _NAMES:
        try:
            routines = _Routines(path, names, dtype)
        except (AttributeError, KeyError):
            continue
        return routines if _is_right(routines, np.dtype(dtype)) else None
    return None


def _is_right(routines: _Routines, dtype: np.dtype) -> bool:
    """Whether all do what they are called for, on numbers that need no rounding."""
    x, y = np.arange(5, dtype=dtype), np.ones(7, dtype)
    two, half = np.array(2.0, dtype), np.array(0.5, dtype)
    routines.axpy(two, x, y[1:6])()
    routines.axpby(half, x, two, y[1:6])()
    a, b, out = np.arange(6, dtype=dtype).reshape(2, 3), np.eye(3, 2, dtype=dtype), np.ones((2, 3), dtype)
    routines.gemm(two, (a, b), half, out[:, :2])()
    routines.ger(x[1:3].copy(), x[:3].copy(), out)()
    right = np.array_equal(out, [[0.5, 3.5, 3.0], [6.5, 10.5, 5.0]])
    return right and np.array_equal(y, [1.0, 2.0, 6.5, 11.0, 15.5, 20.0, 1.0])
