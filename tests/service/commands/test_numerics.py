"""Three variables pin a machine's bits, and the command says which part each of them moves."""

from __future__ import annotations

import platform

import pytest

from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.core.spec.arithmetic import lineage
from lockstep.service.commands.numerics import CORE_TYPE, FEATURES, TUNABLES, changes_for, lines, numerics

MOVES = {CORE_TYPE: "blas", FEATURES: "numpy", TUNABLES: "c_library"}


def test_a_process_without_changes_is_as_this_one() -> None:
    assert numerics().fingerprint == lineage(numerics_fingerprint())[-1]


@pytest.mark.parametrize("name", MOVES)
def test_each_variable_moves_its_part_and_the_fingerprint(name: str) -> None:
    here = numerics()
    changes = changes_for(here)
    if "X86_V4" not in here.found or platform.libc_ver()[0] != "glibc":
        pytest.skip("needs a processor with AVX-512, and glibc")

    other = numerics(**{name: changes[name]})

    assert other.fingerprint != here.fingerprint
    assert other.parts[MOVES[name]] != here.parts[MOVES[name]]
    if name != TUNABLES:  # NumPy calls the C library
        assert {part for part, hash_ in other.parts.items() if hash_ != here.parts[part]} == {MOVES[name]}


def test_it_is_shown_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORE_TYPE, "Haswell")
    shown = "\n".join(lines())

    assert f"{CORE_TYPE}=Haswell" in shown
    assert f"{FEATURES} is not set" in shown
    assert f"{TUNABLES}=glibc.cpu.hwcaps=-FMA: " in shown
