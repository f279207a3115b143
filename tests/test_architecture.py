"""The house's rules that a reader would otherwise have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("core", "service", "worker", "migrations")
MAX_FILE_LINES = 300

# What each package may import of the others, and of the world beyond the standard library.
ALLOWED_OWN = {
    "core": {"core"},
    "service": {"core", "service", "migrations"},
    "worker": {"core", "service", "worker"},
    "migrations": {"service", "migrations"},
}
WINGS = (
    *("ground", "model", "losses", "metrics", "optim", "data", "spec", "group"),
    *("engine", "learning", "formulas", "run", "learned", "explain", "export", "submission"),
)
"""The packages and entry points of the core: each may import those before it."""
ENTRY_POINTS = {"run", "learned"}
CORE_DEPENDENCIES = {"numpy", "pydantic", "pydantic_core", "annotated_types", "cryptography", "safetensors"}
EXPORT_DEPENDENCIES = {"onnx"}
CORE_MAY_NOT_KNOW = {"os.environ", "os.getenv", "time.time", "time.monotonic", "datetime.now"}
WORKER_MAY_TAKE = tuple(f"service.{part}" for part in ("store", "settings", "bell", "reconciler", "runtime"))

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
GENERATES_CODE = {"core/engine/fast/scalar/steps.py": ["exec()"]}  # of graphs, under names of its own
FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}


def sources(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not {"node_modules", "__pycache__"} & set(path.parts)
    )


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each imported module with its line, ours without "lockstep."; `from a import b` counts as a.b too."""
    yield from ((line, name.removeprefix("lockstep.")) for line, name in imported_names(tree))


def imported_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each imported module with its line, as it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from ((node.lineno, name) for name in names)


def own(name: str) -> bool:
    return name.split(".")[0] in (*PACKAGES, "tests")


def test_everything_is_imported_by_the_one_name() -> None:
    """In a checkout `import core` works too, and would load every module a second time."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(*PACKAGES, "tests", "benchmarks")
        for line, name in imported_names(parse(path))
        if name.split(".")[0] in PACKAGES
    ]

    assert not wrong


def test_the_one_name_holds_links_to_the_packages() -> None:
    links = {path.name: path.resolve() for path in (ROOT / "lockstep").iterdir() if path.is_symlink()}

    assert links == {name: ROOT / name for name in (*PACKAGES, "examples")}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imported(parse(path))
        if own(name) and name.split(".")[0] not in ALLOWED_OWN[package]
    ]

    assert not wrong


def test_each_wing_of_the_core_stands_on_those_before() -> None:
    wrong = []
    for path in sources("core"):
        wing = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
        allowed = WINGS[: WINGS.index(wing) + 1] if wing in WINGS else ()
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports {name}"
            for line, name in imported(parse(path))
            if name.startswith("core.") and name.split(".")[1] not in allowed
        ]

    assert not wrong


def clocked(tree: ast.Module) -> Iterator[int]:
    """The lines of assertions that compare how long something took; a deadline of a wait is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and any(
            isinstance(each, ast.BinOp) and re.search(r"\btime\.\w+\(\)", ast.unparse(each))
            for each in ast.walk(node.test)
        ):
            yield node.lineno


def test_no_test_is_red_because_a_machine_is_busy() -> None:
    """What is quick is shown by counting (tests/effort.py)."""
    wrong = [f"{path.relative_to(ROOT)}:{line}" for path in sources("tests") for line in clocked(parse(path))]

    assert not wrong
    assert list(
        clocked(ast.parse("assert time.monotonic() - started < 2\nassert time.monotonic() < deadline"))
    ) == [1]


def test_the_core_has_no_loose_files_and_each_wing_says_what_it_is() -> None:
    core = ROOT / "core"
    loose = {path.stem for path in core.glob("*.py")} - {"__init__"}
    wings = {path.parent.name: ast.get_docstring(parse(path)) for path in core.glob("*/__init__.py")}

    assert loose == ENTRY_POINTS
    assert set(wings) == set(WINGS) - ENTRY_POINTS
    assert all(wings.values())


def test_the_tests_of_the_core_have_its_wings() -> None:
    folders = {path.name for path in (ROOT / "tests" / "core").iterdir() if (path / "__init__.py").is_file()}

    assert folders == set(WINGS) - ENTRY_POINTS


def test_core_depends_on_arithmetic_alone() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources("core")
        for line, name in imported(parse(path))
        if name.split(".")[0] not in CORE_DEPENDENCIES | {"core"} | sys.stdlib_module_names
        and not (path.parent.name == "export" and name.split(".")[0] in EXPORT_DEPENDENCIES)
    ]

    assert not wrong


def test_worker_takes_only_what_it_shares_with_the_service() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources("worker")
        for line, name in imported(parse(path))
        if name.startswith("service.") and not name.startswith(WORKER_MAY_TAKE)
    ]

    assert not wrong


def test_statements_of_sql_live_in_the_store() -> None:
    outside = [path for path in sources("core", "service", "worker") if "store" not in path.parts]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in outside
        for line, name in imported(parse(path))
        if name.split(".")[0] == "sqlite3"
        or name in {"sqlalchemy.select", "sqlalchemy.text", "sqlalchemy.update"}
    ]

    assert not wrong


def test_core_reads_no_environment_and_no_wall_clock() -> None:
    group = ROOT / "core" / "group"  # deadlines need a clock; it never reaches the arithmetic
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}"
        for path in sources("core")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in CORE_MAY_NOT_KNOW
        and not (path.is_relative_to(group) and ast.unparse(node) == "time.monotonic")
    ]

    assert not wrong


def forbidden(tree: ast.Module) -> Iterator[str]:
    """What could turn data into code."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: {name}()"
            case ast.keyword(arg="allow_pickle", value=value) if ast.unparse(value) != "False":
                yield f"line {value.lineno}: allow_pickle={ast.unparse(value)}"
    for line, name in imported(tree):
        if name.split(".")[0] in FORBIDDEN_MODULES:
            yield f"line {line}: import {name}"


def test_nothing_turns_data_into_code() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in sources(*PACKAGES)
        if (found := [what.split(": ")[1] for what in forbidden(parse(path))])
    }

    assert wrong == GENERATES_CODE


@pytest.mark.parametrize(
    "planted",
    ["eval('1')", "exec(text)", "import pickle", "from yaml import load", "numpy.load(f, allow_pickle=True)"],
)
def test_a_planted_fault_is_found(planted: str) -> None:
    assert list(forbidden(ast.parse(planted)))


def test_files_stay_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources(*PACKAGES, "tests")}
    wrong = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MAX_FILE_LINES}

    assert not wrong


def test_the_documents_name_what_exists() -> None:
    text = "\n".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    folders = tuple(f"{folder}/" for folder in (*PACKAGES, "docs", "examples", "tests"))
    paths = {named for named in re.findall(r"`([^`\s]+)`", text) if named.startswith(folders)}

    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("module", ["service.cli", "worker.main", "worker.parent"])
def test_the_command_line_and_a_worker_s_main_process_start_without_numpy(module: str) -> None:
    """A client needs no NumPy, nor does the process that only watches over the one that trains."""
    script = f"import sys, lockstep.{module}; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=30).returncode == 0


def test_the_service_and_the_worker_start_without_onnx() -> None:
    """It takes a fifth of a second to load, and few downloads need it."""
    script = "import sys, lockstep.service.app, lockstep.worker.app; sys.exit('onnx' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=30).returncode == 0
