"""A fingerprint of this process's arithmetic: equal fingerprints, equal bits.

Floating-point results depend on the versions of NumPy and BLAS, on the kernels that BLAS picks for the
processor, and on the vector instructions of NumPy's own loops. So the fingerprint hashes what those
libraries say of themselves, and the results of a battery of the operations that training uses. Three parts
of a machine decide them, and each has a hash of its own, for people who look for what differs.
"""

import ctypes
import functools
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from lockstep.core.ground.blas import Vectors

# (rows, inner, columns): a bare vector, odd sizes that leave remainders in every kernel, and a few real
# layers
_PRODUCTS = [(1, 64, 10), (7, 5, 3), (33, 17, 65), (64, 300, 130), (64, 784, 128)]
# What schedules, optimizers and formulas of numbers take from the C library.
_LIBRARY = (math.cos, math.sin, math.tan, math.tanh, math.exp, math.log, math.log1p, math.expm1, math.erf)
_CORE_NAMES = ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename")


Library = Literal["blas", "numpy", "c_library"]
"""Who computes: the matrix products, NumPy's own loops, or the C library, one number at a time."""

_PLACES = 2000
_COMMON_LIBRARY = "2169d50ce2ac70e11e2d9f1273f492bff04a9327cca986c83aa35866e07acdfd"
"""The hash of `_finer_library_results` with glibc on a processor with FMA, where nearly all workers run.

Nothing of it goes into their fingerprints: those are the ones of versions that looked at nine places alone,
where the library without FMA happens to agree.
"""


@functools.cache
def numerics_fingerprint() -> str:
    """64 hexadecimal digits; computed once per process, in about ten milliseconds."""
    digest = hashlib.sha256()
    for _, text in _libraries():
        digest.update(text.encode() + b"\0")
    digest.update(_library_results().astype("<f8").tobytes())
    for dtype in (np.float32, np.float64):
        for _, result in _battery(np.dtype(dtype)):
            digest.update(_bytes(result))
    finer = hashlib.sha256(_bytes(_finer_library_results())).hexdigest()
    if finer != _COMMON_LIBRARY:
        digest.update(finer.encode())
    return digest.hexdigest()


def numerics_parts() -> dict[Library, str]:
    """A hash for each part: where two machines' fingerprints differ, these say in what."""
    digests = {part: hashlib.sha256() for part in ("blas", "numpy", "c_library")}
    for part, text in _libraries():
        digests[part].update(text.encode() + b"\0")
    digests["c_library"].update(_bytes(_finer_library_results()))
    for dtype in (np.float32, np.float64):
        for part, result in _battery(np.dtype(dtype)):
            digests[part].update(_bytes(result))
    return {"blas": digests["blas"].hexdigest(), "numpy": digests["numpy"].hexdigest(),
            "c_library": digests["c_library"].hexdigest()}  # fmt: skip


def _bytes(result: np.ndarray) -> bytes:
    return np.ascontiguousarray(result).astype(result.dtype.newbyteorder("<")).tobytes()


def _libraries() -> Iterator[tuple[Library, str]]:
    """What NumPy and its BLAS say of themselves."""
    yield "numpy", f"numpy {np.__version__}"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "blas", f"blas {blas.get('name')} {blas.get('version')}"
    yield "blas", f"core {blas_core()}"


def blas_core() -> str:
    """The processor type whose kernels OpenBLAS uses in this process.

    "unknown" for another BLAS, or one that did not come with NumPy's wheel: then the battery alone has
    to tell.
    """
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for library in sorted(folder.glob("*openblas*")):
            loaded = ctypes.CDLL(str(library))
            for name in _CORE_NAMES:
                if hasattr(loaded, name):
                    function = getattr(loaded, name)
                    function.restype = ctypes.c_char_p
                    return str(function(), "ascii")
    return "unknown"


def _battery(dtype: np.dtype) -> Iterator[tuple[Library, np.ndarray]]:
    """Results whose bits differ where arithmetic does, from inputs that are exact."""
    for rows, inner, columns in _PRODUCTS:
        left, right = _exact((rows, inner), dtype), _exact((inner, columns), dtype)
        product = left @ right
        yield "blas", product
        yield "blas", left.T @ product
        yield "blas", product @ right.T
    values = _exact((5, 403), dtype)
    for result in _loops(values):
        yield "numpy", result
    yield "blas", np.ones((1, len(values)), dtype) @ values
    yield "blas", np.linalg.qr(_exact((17, 5), dtype))[0]  # an orthogonal start
    yield "blas", _moved(values.reshape(-1))


def _loops(values: np.ndarray) -> Iterator[np.ndarray]:
    """What NumPy computes itself."""
    tiny, eps = np.finfo(values.dtype).tiny, np.finfo(values.dtype).eps
    with np.errstate(under="ignore"):
        yield np.exp(values * 20)
        yield tiny * np.abs(values)  # denormal numbers: some modes of a processor flush them to 0
    yield np.tanh(values * 3)
    positive = np.abs(values) + eps
    for function in (np.log, np.log1p, np.sqrt, np.reciprocal):
        yield function(positive)
    yield np.sin(values * 9)
    yield np.cos(values * 9)
    yield np.power(positive, values.dtype.type(2.5))
    yield values.sum(keepdims=True)
    yield values.sum(axis=0)
    yield values.sum(axis=1)


def _moved(y: np.ndarray) -> np.ndarray:
    """An optimizer's arithmetic: a vector along itself turned round."""
    x, a, b = y[::-1].copy(), np.array(0.3, y.dtype), np.array(0.9, y.dtype)
    vectors = Vectors(y.size, y.dtype)
    work = np.empty_like(y)
    for call in (*vectors.axpy(a, x, y, work), *vectors.axpby(a, x, b, y, work)):
        call()
    return y


def _library_results() -> np.ndarray:
    """The C library's functions at a few places."""
    numbers = (np.abs(_exact((1, 9), np.dtype(np.float64))) + 0.01)[0].tolist()
    results = [function(x) for x in numbers for function in _LIBRARY]
    return np.array(results + [0.999 ** (1000.0 * x) for x in numbers])


def _finer_library_results() -> np.ndarray:
    """The same at so many places that no other way to compute them agrees at all."""
    numbers = (np.abs(_exact((1, _PLACES), np.dtype(np.float64))) + 0.01)[0].tolist()
    results = [function(x) for x in numbers for function in _LIBRARY]
    return np.array(results + [0.999 ** (1000.0 * x) for x in numbers])


def _exact(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Irregular multiples of 2^-20 between -1 and 1."""
    numbers = np.arange(shape[0] * shape[1], dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(11)
    exact: np.ndarray = (numbers.astype(np.int64) - 2**20).astype(dtype) / dtype.type(2**20)
    return exact.reshape(shape)
