"""The tests of equal bits run a second time, under kernels that compute other bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lockstep.service.commands.numerics import numerics
from lockstep.service.parts import CORE_TYPE, FEATURES
from tests.other_kernels import choices, second_set
from tests.test_architecture import ROOT


@pytest.mark.parametrize(
    ("found", "cores"),
    [
        (("X86_V3", "X86_V4", "AVX512_ICL"), ["Haswell", "SkylakeX", "Nehalem"]),
        (("X86_V3",), ["Nehalem"]),
        ((), []),
    ],
)
def test_what_there_is_to_choose_from(found: tuple[str, ...], cores: list[str]) -> None:
    sets = choices(found)

    assert [each[CORE_TYPE] for each in sets] == cores
    assert all(set(each[FEATURES].split()) <= set(found) for each in sets)


def test_the_second_set_computes_other_bits_wherever_one_is_pinned() -> None:
    here = numerics()
    kernels = second_set(here)
    if kernels is None:
        pytest.skip("needs a processor with other kernels")
    there = numerics(**kernels)
    back = second_set(there)

    assert there.fingerprint != here.fingerprint
    assert back is not None
    assert numerics(**back).fingerprint != there.fingerprint


def test_the_tests_run_are_those_marked() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.other_kernels",
            "--collect-only",
            "-q",
            "tests/core/ground",
        ],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert CORE_TYPE in done.stderr
    assert "test_blas.py" in done.stdout
    assert "test_rooms.py" not in done.stdout
