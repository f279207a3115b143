"""Several streams run what belongs together in one process, and leave the rest to whoever is free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTE = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range(3))
def test_note(number):
    name = pathlib.Path(__file__).stem
    note = pathlib.Path(__file__).parents[1] / "notes" / f"{name}-{number}"
    note.write_text(os.environ["PYTEST_XDIST_WORKER"])
"""
MODULES = ("system/test_cli.py", "system/test_local.py", "system/test_page.py", "core/test_other.py")


def test_modules_stay_whole_and_those_that_share_a_service_together(tmp_path: Path) -> None:
    for name in MODULES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(NOTE)
    (tmp_path / "notes").mkdir()

    hooks = ("-p", "tests.streams", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    where = ("--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *hooks, "--numprocesses", "2", *where],
        cwd=ROOT, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    streams: dict[str, set[str]] = {}
    for note in (tmp_path / "notes").iterdir():
        streams.setdefault(note.name.partition("-")[0], set()).add(note.read_text())
    assert {name: len(found) for name, found in streams.items()} == {Path(name).stem: 1 for name in MODULES}
    assert streams["test_page"] == streams["test_cli"]
    assert len(set.union(*streams.values())) == 2
