"""The list of mutants, and what may be wrong with it. Pure: reads files, runs nothing."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

LINES = Path(__file__).parent / "lines.toml"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A part of a file (`line`, which occurs in it once) with what takes its place.

    `name` says what a user would suffer; `tests` are what must notice: folders, files, or functions of files.
    """

    name: str
    file: str
    line: str
    mutant: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the mutant in it."""
        return text.replace(self.line, self.mutant)


def read(path: Path = LINES) -> tuple[Mutant, ...]:
    """The list, in its order. Text on lines of its own has no line end: in TOML it would need a backslash."""
    with path.open("rb") as file:
        rows = tomllib.load(file)["mutants"]
    return tuple(
        Mutant(
            name=row["name"],
            file=row["file"],
            line=row["line"].rstrip("\n"),
            mutant=row["mutant"].rstrip("\n"),
            tests=tuple(row["tests"]),
        )
        for row in rows
    )


def faults(root: Path, mutant: Mutant) -> list[str]:
    """Why a mutant cannot be tried in the tree at `root`; nothing where it can."""
    path = root / mutant.file
    if not path.is_file():
        return [f"there is no file {mutant.file}"]
    text = path.read_text()
    found = text.count(mutant.line)
    if found != 1:
        return [f"expected once in {mutant.file}, found {found} times: {mutant.line.strip()}"]
    wrong = [f"there is no test {test}" for test in mutant.tests if not _exists(root, test)]
    if not mutant.tests:
        wrong.append("it names no test")
    if mutant.mutant == mutant.line:
        wrong.append("the mutant is the line")
    try:
        ast.parse(mutant.applied(text))
    except SyntaxError as error:
        wrong.append(f"with the mutant {mutant.file} is no Python: {error.msg}")
    return wrong


def _exists(root: Path, test: str) -> bool:
    file, _, function = test.partition("::")
    path = root / file
    if not function:
        return path.exists()
    names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    return function in names
