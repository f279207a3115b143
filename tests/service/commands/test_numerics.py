"""Three variables pin a machine's bits, and the command says which part each of them moves."""

from __future__ import annotations

import json
import platform

import pytest
from typer.testing import CliRunner

from lockstep.core.ground.arithmetic import lineage
from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.service.cli import app
from lockstep.service.commands.numerics import changes_for, lines, numerics, report
from lockstep.service.parts import CORE_TYPE, FEATURES, TUNABLES

MOVES = {CORE_TYPE: "blas", FEATURES: "numpy", TUNABLES: "c_library"}


def test_a_process_without_changes_is_as_this_one() -> None:
    assert numerics().fingerprint == lineage(numerics_fingerprint())[-1]


@pytest.mark.parametrize("name", MOVES)
def test_each_variable_moves_its_part_and_the_fingerprint(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pin in MOVES:  # what this machine pins already moves nothing more
        monkeypatch.delenv(pin, raising=False)
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
    shown = "\n".join(lines(report()))

    assert f"{CORE_TYPE}=Haswell" in shown
    assert f"{FEATURES} is not set" in shown
    assert f"{TUNABLES}=glibc.cpu.hwcaps=-FMA: " in shown


def test_it_is_told_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORE_TYPE, "Haswell")
    done = CliRunner().invoke(app, ["doctor", "--numerics", "--json"])

    told = json.loads(done.stdout)
    here = numerics()
    assert told["fingerprint"] == here.fingerprint
    assert {name: part["sha256"] for name, part in told["parts"].items()} == here.parts
    assert told["parts"]["blas"]["pin"] == CORE_TYPE
    assert told["parts"]["blas"]["value"] == "Haswell"
    assert [change["pin"] for change in told["changes"]] == list(changes_for(here))
