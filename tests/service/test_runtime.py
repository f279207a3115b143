"""Folders that end with their process, however that ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.service import runtime
from lockstep.service.runtime import MAX_SOCKET_PATH, NoFolder, RuntimeFolder, sweep

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal
from lockstep.service.runtime import RuntimeFolder
folder = RuntimeFolder.make()
(folder.path / "lifeline").touch()
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of a path that is short enough for a socket, however deep the tests' own lie."""
    with tempfile.TemporaryDirectory(prefix="lockstep-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to sweep what is this machine's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(runtime, "_bases", lambda: iter([str(tmp_path)]))
    monkeypatch.setattr(runtime, "_SEMAPHORES", tmp_path)


def killed(tmp_path: Path) -> Path:
    """The folder of a process that was killed."""
    program = [sys.executable, "-c", KILLED]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def test_a_folder_is_its_users_alone_and_goes_with_its_process() -> None:
    folder = RuntimeFolder.make()

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.remove()
    assert not folder.path.exists()
    folder.remove()  # a second time does no harm


def test_what_a_killed_process_left_is_swept_with_its_semaphores(tmp_path: Path) -> None:
    dead, living = killed(tmp_path), RuntimeFolder.make()
    semaphores = [tmp_path / f"sem.{name}-abc" for name in (dead.name, living.path.name)]
    foreign = tmp_path / "sem.mp-abc"
    for path in (*semaphores, foreign):
        path.touch()
    assert dead.exists()

    sweep()

    assert not dead.exists()
    assert living.path.exists()
    assert [path.exists() for path in (*semaphores, foreign)] == [False, True, True]
    living.remove()


def test_nothing_is_swept_that_only_looks_like_a_folder_of_ours(tmp_path: Path) -> None:
    target = tmp_path / "others"
    (target / "precious").mkdir(parents=True)
    (tmp_path / f"{runtime.FOLDER_PREFIX}link").symlink_to(target)
    (tmp_path / f"{runtime.FOLDER_PREFIX}file").touch()

    sweep()

    assert (target / "precious").exists()


def test_a_temporary_folder_of_a_long_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = tmp_path / ("d" * 101), Path(tempfile.mkdtemp(dir="/tmp"))
    long.mkdir()
    monkeypatch.setattr(runtime, "_bases", lambda: iter([str(long), str(short)]))

    folder = RuntimeFolder.make()

    assert folder.path.parent == short
    assert len(os.fsencode(folder.path / "broker.sock")) <= MAX_SOCKET_PATH
    folder.remove()
    short.rmdir()


def test_no_place_at_all_is_said_with_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_bases", lambda: iter([str(tmp_path / "gone")]))

    with pytest.raises(NoFolder, match=r"gone.*set TMPDIR"):
        RuntimeFolder.make()
