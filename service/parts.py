"""The three things that decide a machine's bits: what they are called, and the variable that pins each."""

from collections.abc import Mapping
from types import MappingProxyType

CORE_TYPE, FEATURES, TUNABLES = "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES"
PINS: Mapping[str, str] = MappingProxyType({"blas": CORE_TYPE, "numpy": FEATURES, "c_library": TUNABLES})
NAMES: Mapping[str, str] = MappingProxyType({"blas": "BLAS", "numpy": "NumPy", "c_library": "C library"})
SHOWN_DIGITS = 13
"""Of a hash, where people compare it."""
