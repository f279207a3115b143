"""The walks of docs/extending.md: each, typed off as it stands, works; with a step left out it is refused."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.mutants.trying import Tree

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`(?P<new>, new)?:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
KINDS = {(True, True): "python", (True, False): "diff", (False, False): "sh"}
"""By whether a file is named, and whether it is new."""
SECONDS = 300.0
"""So long for all commands of a walk."""


@dataclass(frozen=True)
class Step:
    """One block of a walk: a file's text, or what is changed in it."""

    file: str
    new: bool
    text: str

    def places(self) -> Iterator[tuple[str, str]]:
        """What stands in the file before and after the step, in whole lines."""
        for part in self.text.split("@@\n"):
            lines = [line if line.strip() else f" {line}" for line in part.splitlines(keepends=True)]
            marks = {line[0] for line in lines}
            assert marks <= set(" +-"), f"{self.file}: expected +, - or a blank in front, got {marks}"
            yield _without("+", lines), _without("-", lines)

    def apply(self, root: Path) -> None:
        """Write the file, or change it where the block says."""
        if self.new:
            assert not (root / self.file).exists(), f"{self.file}: expected a new file, it is there already"
            (root / self.file).write_text(self.text, encoding="utf-8")
        else:
            self._replace(root, [(before, after) for before, after in self.places()])

    def undo(self, root: Path) -> None:
        """Leave the file as it was before the step."""
        if self.new:
            (root / self.file).unlink()
        else:
            self._replace(root, [(after, before) for before, after in self.places()])

    def _replace(self, root: Path, places: Sequence[tuple[str, str]]) -> None:
        text = (root / self.file).read_text(encoding="utf-8")
        for old, new in places:
            found = [match.span() for match in re.finditer(f"^{re.escape(old)}", text, re.M)]
            assert len(found) == 1, f"{self.file}: expected these lines once, found {len(found)}:\n{old}"
            start, end = found[0]
            text = text[:start] + new + text[end:]
        (root / self.file).write_text(text, encoding="utf-8")


def _without(mark: str, lines: Sequence[str]) -> str:
    return "".join(line[1:] for line in lines if line[0] != mark)


@dataclass(frozen=True)
class Walk:
    """The steps under one heading, and the commands that show that they work."""

    steps: tuple[Step, ...]
    commands: str

    @classmethod
    def under(cls, heading: str) -> Walk:
        """Read from the page."""
        section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        blocks = list(BLOCK.finditer(section))
        assert len(blocks) == section.count("\n```") / 2, f"{heading}: a fence is open"
        for block in blocks:
            named = (block["file"] is not None, block["new"] is not None)
            assert block["kind"] == KINDS[named], (
                f"{heading}: expected a file's name in front of {block['text']}"
            )
        *steps, last = blocks
        assert last["kind"] == "sh", f"{heading}: expected a last block of commands"
        return cls(
            steps=tuple(Step(block["file"], block["new"] is not None, block["text"]) for block in steps),
            commands=last["text"],
        )


HEADINGS = re.findall(r"^## (.+)$", PAGE, re.M)
NODE_MODULES = "service/dashboard/node_modules"
LOSS = "core/losses/poisson_nll.py"
LEFT_OUT: list[tuple[str, str, str | tuple[str, str], str]] = [
    ("Add a layer", "core/model/ops/prelu.py", "formula", 'the op "prelu" is incomplete: give it `formula`'),
    ("Add a layer", "core/model/ops/prelu.py", "onnx", 'the op "prelu" is incomplete: give it `onnx`'),
    (
        *("Add a layer", "tests/core/model/cases.py", ""),
        'no case learns through the op "prelu": add one to tests/core/model/cases.py',
    ),
    ("Add a layer", "docs/spec.md", "", 'no row for the layer "prelu": add one to the table of docs/spec.md'),
    ("Add a layer", "benchmarks/bits/parts.py", "", "Prelu.init"),
    ("Add a route", "tests/service/api/test_contract.py", "", "read_seed"),
    ("Add a status", "service/dashboard/src/pure/listing.ts", "", "Property 'drafted' is missing in type"),
    ("Add a loss", LOSS, "formula", 'the loss "poisson_nll" is incomplete: give it `formula`'),
    ("Add a loss", LOSS, "targets", 'the loss "poisson_nll" is incomplete: give it `targets`'),
    (
        "Add a loss",
        LOSS,
        ("bad=y < 0", "bad=y < -np.inf"),
        "poisson_nll has no lowest value: let its `targets` refuse it",
    ),
    ("Add a loss", LOSS, "amounts", "its reading says poisson_nll is least at other targets than it is"),
    ("Add a loss", "tests/core/losses/test_loss_gradients.py", "", 'give "poisson_nll" to SETTINGS'),
    ("Add a loss", "docs/spec.md", "", 'give "poisson_nll" one row in the table of losses in docs/spec.md'),
]
"""A walk, the file whose step is left out, or what of it is (or is another); and how that is refused."""


@pytest.fixture(scope="module")
def copy_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives, by its heading, a copy of the project in which the walk is gone."""

    @cache
    def walked(heading: str) -> Path:
        root = Tree.copied(ROOT, tmp_path_factory.mktemp("walk") / "project").root
        (root / ".venv").symlink_to(sys.prefix)
        # What the page is compiled with; not the types in its cache, which follow from the API.
        shutil.copytree(
            ROOT / NODE_MODULES, root / NODE_MODULES, symlinks=True, copy_function=os.link,
            ignore=shutil.ignore_patterns(".cache"),
        )  # fmt: skip
        for step in Walk.under(heading).steps:
            step.apply(root)
        return root

    return walked


def run(commands: str, root: Path) -> tuple[int, str]:
    """The status of commands in the copy, 0 where all of them succeed, and what they printed.

    Of the tests that fail the first few are enough.
    """
    output = root.parent / "output"
    with output.open("wb") as printed:
        shell = subprocess.Popen(
            ["sh", "-ec", commands], cwd=root, stdout=printed, stderr=printed, start_new_session=True,
            # Programs beside pytest find the copy's code by this, not the project's.
            env=os.environ | {"PYTEST_ADDOPTS": "--maxfail 3", "PYTHONPATH": str(root)},
        )  # fmt: skip
        try:
            status = shell.wait(SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return status, output.read_text(errors="replace")


def without(code: str, part: str | tuple[str, str]) -> str:
    """The code without what a class in it says under a name; or with a piece of text instead of another."""
    if isinstance(part, tuple):
        assert code.count(part[0]) == 1
        return code.replace(*part)
    (node,) = [
        node
        for kind in ast.parse(code).body
        if isinstance(kind, ast.ClassDef)
        for node in kind.body
        if getattr(node, "name", None) == part
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == part)
    ]
    lines = code.splitlines(keepends=True)
    return "".join(lines[: node.lineno - 1] + lines[node.end_lineno :])


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("heading", HEADINGS)
def test_a_walk_works_as_it_stands(heading: str, copy_of: Callable[[str], Path]) -> None:
    walk = Walk.under(heading)
    files = " ".join(step.file for step in walk.steps if step.file.endswith(".py"))
    lint = f".venv/bin/ruff check {files}\n.venv/bin/ruff format --check {files}\n"

    status, said = run(walk.commands + lint, copy_of(heading))

    assert status == 0, said


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize(("heading", "file", "part", "words"), LEFT_OUT)
def test_a_step_that_is_left_out_is_missed(
    heading: str, file: str, part: str | tuple[str, str], words: str, copy_of: Callable[[str], Path]
) -> None:
    root, walk = copy_of(heading), Walk.under(heading)
    (step,) = [step for step in walk.steps if step.file == file]

    step.undo(root)
    if part:
        (root / file).write_text(without(step.text, part), encoding="utf-8")
    status, said = run(walk.commands, root)
    if part:
        (root / file).unlink()
    step.apply(root)

    assert status != 0
    assert words in said


def test_a_walk_that_the_code_has_left_behind_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.py").write_text("A = 1\nB = 1\nB = 1\n")

    for context in ("C = 1", "B = 1", " = 1"):
        with pytest.raises(AssertionError, match="expected these lines once"):
            Step("list.py", False, f" {context}\n+D = 1\n").apply(tmp_path)
    Step("list.py", False, " A = 1\n+D = 1\n").apply(tmp_path)

    assert (tmp_path / "list.py").read_text() == "A = 1\nD = 1\nB = 1\nB = 1\n"


def test_a_place_is_whole_lines() -> None:
    step = Step("list.py", False, "-A\n+B\n C\n@@\n D\n\n+E\n")

    assert list(step.places()) == [("A\nC\n", "B\nC\n"), ("D\n\n", "D\n\nE\n")]
