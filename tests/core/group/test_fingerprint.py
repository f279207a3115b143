"""The fingerprint is the same in each process of one machine, and differs where bits do."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lockstep.core.group.fingerprint import _battery, blas_core, numerics_fingerprint
from tests.effort import calls_of

PROGRAM = "from lockstep.core.group.fingerprint import numerics_fingerprint as f; print(f())"


def fingerprint_in_a_process(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()


def test_it_is_64_hexadecimal_digits_and_computed_once() -> None:
    assert len(bytes.fromhex(numerics_fingerprint())) == 32
    assert calls_of(numerics_fingerprint) < 10


def test_two_processes_agree() -> None:
    assert fingerprint_in_a_process() == fingerprint_in_a_process()


@pytest.mark.skipif(
    blas_core() in ("unknown", "Nehalem"), reason="needs an OpenBLAS that can change its kernels"
)
def test_other_kernels_of_blas_give_another_one() -> None:
    assert fingerprint_in_a_process(OPENBLAS_CORETYPE="Nehalem") != fingerprint_in_a_process()


def test_other_vector_instructions_of_numpy_give_another_one() -> None:
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if "X86_V3" not in features:
        pytest.skip("needs an x86-64-v3 processor")
    disabled = " ".join(feature for feature in ("X86_V3", "X86_V4") if feature in features)
    assert fingerprint_in_a_process(NPY_DISABLE_CPU_FEATURES=disabled) != fingerprint_in_a_process()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_battery_is_made_of_finite_numbers_with_denormal_ones_among_them(dtype: type) -> None:
    results = [result for _, result in _battery(np.dtype(dtype))]
    assert all(np.isfinite(result).all() and result.dtype == dtype for result in results)
    tiny = np.finfo(dtype).tiny
    assert any(((result != 0) & (np.abs(result) < tiny)).any() for result in results)
