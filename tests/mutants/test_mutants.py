"""The list of mutants fits the code; and the tool that tries them finds a planted survivor."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, main
from tests.mutants.table import Mutant, faults, read

MUTANTS = read()
CODE = "def double(x: int) -> int:\n    total = x + x\n    return total\n"
TESTS = """
from code_of import double

def test_looks() -> None:
    assert double(2) == 4

def test_looks_away() -> None:
    assert double(2) > 0
"""
ROW = """[[mutants]]
name = "{name}"
file = "code_of.py"
line = "{line}"
mutant = "{mutant}"
tests = ["{test}"]
"""


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_each_line_is_still_there(mutant: Mutant) -> None:
    assert faults(ROOT, mutant) == []


def test_no_name_stands_twice() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one function and two tests, of which one looks away."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "code_of.py").write_text(CODE)
    (root / "test_code.py").write_text(TESTS)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def tried(project: Path, *rows: tuple[str, str, str]) -> int:
    """The exit status of the tool for a list of (line, mutant, test)."""
    lines = project.parent / "lines.toml"
    named = [
        ROW.format(name=f"double: {mutant}", line=line, mutant=mutant, test=test)
        for line, mutant, test in rows
    ]
    lines.write_text("".join(named))
    return main([], root=project, lines=lines)


def test_a_survivor_is_told_from_those_that_tests_notice(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = tried(
        project,
        ("x + x", "x + 1", "test_code.py::test_looks"),
        ("x + x", "x * 3", "test_code.py::test_looks_away"),
    )

    printed = capsys.readouterr().out
    assert status == 1
    assert re.search(r"^killed .* double: x \+ 1$", printed, re.MULTILINE)
    assert re.search(r"^SURVIVED .* double: x \* 3$", printed, re.MULTILINE)
    assert "2 mutants: 1 killed, 1 not" in printed
    assert (project / "code_of.py").read_text() == CODE


@pytest.mark.parametrize(
    ("line", "mutant", "test", "words"),
    [
        ("x - x", "x + 1", "test_code.py", "found 0 times"),
        ("total", "sum_", "test_code.py", "found 2 times"),
        ("x + x", "x +", "test_code.py", "is no Python"),
        ("x + x", "x + x", "test_code.py", "the mutant is the line"),
        ("x + x", "x + 1", "test_other.py", "there is no test test_other.py"),
        ("x + x", "x + 1", "test_code.py::test_other", "there is no test test_code.py::test_other"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(
    project: Path, line: str, mutant: str, test: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(project, (line, mutant, test)) == 1

    assert words in capsys.readouterr().out


def test_tests_that_fail_anyway_prove_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "test_code.py").write_text(TESTS.replace("== 4", "== 5"))

    assert tried(project, ("x + x", "x + 1", "test_code.py")) == 1

    assert "without a mutant these tests do not pass" in capsys.readouterr().out


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such mutant"]) == 1
    assert "no such mutant" in capsys.readouterr().out
