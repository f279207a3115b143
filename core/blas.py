"""y += a x and y = a x + b y in one pass each, by the BLAS that NumPy itself computes with.

NumPy has no call for either: np.multiply and np.add go over the memory twice, which for the update of large
models is most of what it costs. Where NumPy's BLAS can't be reached, or vectors are so short that a call
costs more than the passes, np.multiply and np.add do it. The two ways round differently; which one it is
follows from the vector's length and from what the numerics fingerprint covers.
"""

import ctypes
import functools
import importlib
from functools import partial
from typing import Any

import numpy as np

from core.ops.base import Call

SHORT = 1024
"""Vectors of fewer elements are left to NumPy."""
WIDEST = 64
"""A multiple of what any kernel of BLAS takes in one turn; what is left over it rounds otherwise."""

# (prefix, suffix, whole number) of the names: NumPy's own wheels; other builds with 64 and with 32 bits.
_NAMES = (
    ("scipy_cblas_", "64_", ctypes.c_int64),
    ("cblas_", "64_", ctypes.c_int64),
    ("cblas_", "", ctypes.c_int),
)
_NUMBERS: dict[str, tuple[str, Any]] = {"float32": ("s", ctypes.c_float), "float64": ("d", ctypes.c_double)}


class Vectors:
    """Makes calls for vectors of `size` elements of one dtype, or for blocks of such.

    Blocks that begin at multiples of WIDEST alter no bits. Vectors have no gaps. Numbers are 0-d arrays, read
    at each call.
    """

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self._routines = _routines(dtype.name) if size >= SHORT else None

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


class _Routines:
    """The two routines of one kind of number, out of a loaded library. Raises AttributeError without them.

    The interpreter's lock is kept meanwhile (PyDLL): they take less time than to give it away.
    """

    def __init__(self, library: ctypes.PyDLL, names: tuple[str, str, Any], dtype: str) -> None:
        prefix, suffix, self._whole = names
        letter, self._number = _NUMBERS[dtype]
        self._axpy = getattr(library, f"{prefix}{letter}axpy{suffix}")
        self._axpby = getattr(library, f"{prefix}{letter}axpby{suffix}")
        vector = (ctypes.c_void_p, self._whole)
        self._axpy.argtypes = (self._whole, self._number, *vector, *vector)
        self._axpby.argtypes = (self._whole, self._number, *vector, self._number, *vector)
        self._axpy.restype = self._axpby.restype = None

    def axpy(self, a: np.ndarray, x: np.ndarray, y: np.ndarray) -> Call:
        return partial(self._axpy, self._whole(y.size), self._shared(a), *self._vector(x), *self._vector(y))

    def axpby(self, a: np.ndarray, x: np.ndarray, b: np.ndarray, y: np.ndarray) -> Call:
        first = (self._whole(y.size), self._shared(a), *self._vector(x))
        return partial(self._axpby, *first, self._shared(b), *self._vector(y))

    def _shared(self, number: np.ndarray) -> Any:
        """A C number in the memory of a 0-d array, so that it follows what is written there."""
        return self._number.from_buffer(number)

    def _vector(self, array: np.ndarray) -> tuple[Any, Any]:
        if array.ndim != 1 or not array.flags.c_contiguous:
            raise ValueError(f"expected a vector without gaps, got strides {array.strides}")
        return array.ctypes.data_as(ctypes.c_void_p), self._whole(1)  # the pointer keeps the array alive


@functools.cache
def _routines(dtype: str) -> _Routines | None:
    """Those of NumPy's BLAS; None where they are not to be found, or give something else than they should."""
    try:
        # Names are looked for in the libraries that this module is linked with, too.
        library = ctypes.PyDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    except (ImportError, OSError):
        return None
    for names in _NAMES:
        try:
            routines = _Routines(library, names, dtype)
        except AttributeError:
            continue
        return routines if _is_right(routines, np.dtype(dtype)) else None
    return None


def _is_right(routines: _Routines, dtype: np.dtype) -> bool:
    """Whether both do what they are called for, on numbers that need no rounding."""
    x, y = np.arange(5, dtype=dtype), np.ones(7, dtype)
    two, half = np.array(2.0, dtype), np.array(0.5, dtype)
    routines.axpy(two, x, y[1:6])()
    routines.axpby(half, x, two, y[1:6])()
    return np.array_equal(y, [1.0, 2.0, 6.5, 11.0, 15.5, 20.0, 1.0])
