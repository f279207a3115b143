"""Folders of one process's life, for its sockets: short paths, and nothing left behind by a kill.

The process holds a lock on its folder, which the kernel drops with it. So a folder that can be locked is a
dead process's: a process that finds it removes it, with the semaphores that carry its name. (systemd-tmpfiles
leaves locked folders alone as well.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER_PREFIX = "lockstep-run-"
MAX_SOCKET_PATH = 100
"""In bytes: sun_path holds 108 on Linux, 104 on macOS, the closing zero included."""
_ROOM_BYTES = len(f"/{FOLDER_PREFIX}xxxxxxxx/broker.sock")
_SEMAPHORES = Path("/dev/shm")  # noqa: S108  (where the C library keeps them; nothing is made there by us)


class NoFolder(Exception):
    """There is no place for a socket; the message says what was tried and what to do."""


@dataclass(frozen=True, kw_only=True)
class RuntimeFolder:
    """A folder that only this user may enter, until `remove` or the process's end."""

    path: Path
    _descriptor: int

    @classmethod
    def make(cls) -> RuntimeFolder:
        """In the temporary folder, or where its path is too long for a socket's, in /tmp. Raises NoFolder."""
        refusals: list[str] = []
        for base in _bases():
            if len(os.fsencode(base)) + _ROOM_BYTES > MAX_SOCKET_PATH:
                refusals.append(f"{base}: too long a path for a socket")
                continue
            try:
                while True:
                    folder = _locked(Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base)))
                    if folder is not None:
                        return folder
            except OSError as error:
                refusals.append(f"{base}: {error.strerror}")
        raise NoFolder(
            "no folder for a socket ("
            + "; ".join(refusals)
            + "): set TMPDIR to a folder that can be written, of a short path"
        )

    @property
    def semaphore_prefix(self) -> str:
        """How the process's semaphores are to be named."""
        return f"/{self.path.name}"

    def remove(self) -> None:
        """Take the folder away. May be called again."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def sweep() -> None:
    """Take away what killed processes of this user have left: their folders and their semaphores."""
    for base in _bases():
        for path in Path(base).glob(f"{FOLDER_PREFIX}*"):
            folder = _locked(path) if _is_ours(path) else None
            if folder is not None:
                for semaphore in _SEMAPHORES.glob(f"sem.{path.name}-*"):
                    semaphore.unlink(missing_ok=True)
                folder.remove()


def _bases() -> Iterator[str]:
    found = {tempfile.gettempdir(): None, "/tmp": None, "/var/tmp": None}  # noqa: S108  (mkdtemp's, mode 700)
    yield from found


def _is_ours(path: Path) -> bool:
    try:
        entry = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(entry.st_mode) and entry.st_uid == os.geteuid()


def _locked(path: Path) -> RuntimeFolder | None:
    """The folder, locked by this process; None where another holds it or has just swept it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return RuntimeFolder(path=path, _descriptor=descriptor)
    except OSError:
        pass
    os.close(descriptor)
    return None
