"""Processes that can't start say why in one line, whoever starts them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.local_service import installed

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "setting": ({"LOCKSTEP_LEASE_SECONDS": "soon"}, "LOCKSTEP_LEASE_SECONDS"),
    "address": (
        {"LOCKSTEP_DATABASE_URL": "mysql://u:secret@h/d"},
        "expected sqlite:///PATH or postgresql://",
    ),
    "port": ({"LOCKSTEP_DATABASE_URL": "postgresql://u:secret@h:p/d"}, "its port is not a number"),
    "file": ({"LOCKSTEP_ENV_FILE": ".env"}, "not UTF-8 text (line 1)"),
}


def test_a_worker_whose_children_cannot_work_ends_and_says_so(tmp_path: Path) -> None:
    """NumPy, which only they load, is broken."""
    broken = tmp_path / "broken" / "numpy" / "__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise ImportError('a broken NumPy')")
    address = {"LOCKSTEP_DATABASE_URL": "sqlite:///x.db", "LOCKSTEP_BROKER_URL": "redis://127.0.0.1:9"}

    done = subprocess.run(
        installed("worker"),
        cwd=tmp_path,
        env={**os.environ, **address, "PYTHONPATH": str(tmp_path / "broken")},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )

    assert done.returncode == 1
    assert "ImportError: a broken NumPy" in done.stderr
    assert done.stderr.count("action=no_child") == 1


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("command", ["worker", "api", "migrate", "doctor"])
def test_what_is_wrong_is_one_message(tmp_path: Path, command: str, kind: str) -> None:
    (tmp_path / ".env").write_bytes(b"LOCKSTEP_HOST=z\xfcrich")
    environment, words = WRONG[kind]

    done = subprocess.run(
        installed(command),
        cwd=tmp_path,
        env={**os.environ, "LOCKSTEP_BROKER_URL": "redis://127.0.0.1:9", **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    said = done.stderr + (done.stdout if command == "doctor" else "")
    assert done.returncode == 1
    assert said.count(words) == 1, said
    assert "secret" not in said
    assert "Traceback" not in said
