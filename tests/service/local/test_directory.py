from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lockstep.service.local.directory import DataDirectory, DirectoryLock, write_whole
from lockstep.service.local.errors import LocalError


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(path=tmp_path / "data")
    made.create()
    return made


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_its_owners_alone(directory: DataDirectory) -> None:
    directory.create()  # a second time does no harm

    assert mode_of(directory.path) == 0o700
    assert directory.logs_path.is_dir()


def test_a_directory_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LocalError, match="--data-dir"):
        DataDirectory(path=tmp_path / "file" / "data").create()


def test_the_key_is_kept_and_is_its_owners_alone(directory: DataDirectory) -> None:
    key = directory.ensure_key()

    assert directory.ensure_key() == key
    assert len(key) > 40
    assert mode_of(directory.key_path) == 0o600


def test_a_wanted_key_replaces_the_one_on_file(directory: DataDirectory) -> None:
    directory.ensure_key()

    assert directory.ensure_key("wanted-key") == "wanted-key"
    assert directory.ensure_key() == "wanted-key"
    assert mode_of(directory.key_path) == 0o600


def test_a_key_that_others_can_read_is_closed_to_them(directory: DataDirectory) -> None:
    directory.key_path.write_text("known-key\n")
    directory.key_path.chmod(0o644)

    assert directory.ensure_key() == "known-key"
    assert mode_of(directory.key_path) == 0o600


def test_a_locked_directory_names_its_holder(directory: DataDirectory) -> None:
    first = DirectoryLock(directory)
    first.acquire()

    with pytest.raises(LocalError, match=rf"in use by lockstep up \(pid {os.getpid()}"):
        DirectoryLock(directory).acquire()

    first.release()
    first.acquire()
    first.release()


def test_writing_whole_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_whole(tmp_path / "url", "http://127.0.0.1:8000\n")

    assert [path.name for path in tmp_path.iterdir()] == ["url"]
