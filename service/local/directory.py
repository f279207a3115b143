"""The data directory: where a local service keeps its database, its key, its logs and its lock."""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lockstep.service.local.errors import LocalError
from lockstep.service.store.address import sqlite_url


@dataclass(frozen=True, kw_only=True)
class DataDirectory:
    """The paths inside one data directory."""

    path: Path

    @property
    def database_path(self) -> Path:
        """The SQLite database."""
        return self.path.resolve() / "lockstep.db"

    @property
    def database_url(self) -> str:
        """The same, as SQLAlchemy names it."""
        return sqlite_url(self.database_path)

    @property
    def key_path(self) -> Path:
        """The administrator's API key, readable by its owner only."""
        return self.path / "api-key"

    @property
    def url_path(self) -> Path:
        """The running service's address; absent when none runs."""
        return self.path / "url"

    @property
    def broker_url_path(self) -> Path:
        """The running service's broker, as Celery names it; absent when none runs."""
        return self.path / "broker-url"

    @property
    def lock_path(self) -> Path:
        """Locked as long as a supervisor lives; says which."""
        return self.path / "lock"

    @property
    def logs_path(self) -> Path:
        """One log file for each process."""
        return self.path / "logs"

    def create(self) -> None:
        """Make the folders; the directory itself is its owner's alone."""
        try:
            str(self.path).encode()
        except UnicodeEncodeError as error:
            raise LocalError(
                f"the data directory {str(self.path)!r} has a name that is not UTF-8; "
                "choose another with --data-dir"
            ) from error
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs_path.mkdir(exist_ok=True)
        except OSError as error:
            message = f"cannot make the data directory {self.path}: {error.strerror}"
            raise LocalError(f"{message}; choose another with --data-dir") from error

    def ensure_key(self, wanted: str | None = None) -> str:
        """The key of this directory: `wanted` when given, else the one on file, else a new one."""
        if wanted is None and self.key_path.exists():
            on_file = self.key_path.read_text().strip()
            if on_file:
                self.key_path.chmod(0o600)
                return on_file
        key = wanted or "lk_" + secrets.token_urlsafe(32)
        write_whole(self.key_path, key + "\n", mode=0o600)
        return key


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file so that a reader sees the old text or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
    partial.replace(path)


class DirectoryLock:
    """The right to serve from a data directory. The kernel drops it with the process, however that ends."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._stream: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock and say in it who holds it; raise LocalError naming the holder when it is taken."""
        stream = self._directory.lock_path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            stream.close()
            raise LocalError(
                f"the data directory {self._directory.path} is in use by {holder}; "
                "stop that one, or choose another directory with --data-dir"
            ) from error
        stream.truncate(0)
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        stream.write(f"lockstep up (pid {os.getpid()}, since {started})\n")
        stream.flush()
        self._stream = stream

    def release(self) -> None:
        """Give the lock back."""
        if self._stream is not None:
            self._stream.truncate(0)
            self._stream.close()
            self._stream = None
