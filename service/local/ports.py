"""The address that the local service listens on, and who is in the way when it cannot."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from lockstep.service.local.errors import LocalError

HOST = "127.0.0.1"
FIRST_PORT = 8000
LAST_PORT = 8099
_LISTENING = "0A"  # the state column of /proc/net/tcp


def listen(port: int | None) -> socket.socket:
    """A listening socket on the loopback interface.

    A given port is taken or refused with its holder's name (0 is any free one); without one it is
    8000 or the next free port. The supervisor keeps the socket, so that the API may restart without
    anybody else taking its place.
    """
    if port is not None:
        try:
            return _bound(port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise LocalError(_refusal(port, error)) from error
    for candidate in range(FIRST_PORT, LAST_PORT + 1):
        try:
            return _bound(candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise LocalError(f"no port between {FIRST_PORT} and {LAST_PORT} is free; choose one with --port")


def _refusal(port: int, error: OSError) -> str:
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023 with --port"
    holder = holder_of(port) or "another process (of another user, so its name cannot be seen)"
    return f"port {port} on {HOST} is taken by {holder}; stop it, or choose another with --port"


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def holder_of(port: int) -> str | None:
    """The process that listens on a port, as "pid N (its command)"; None when it cannot be seen."""
    sockets = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        if not sockets.isdisjoint(_open_files(process)):
            return f"pid {process.name} ({command_of(int(process.name))})"
    return None


def _open_files(process: Path) -> Iterator[str]:
    try:
        entries = os.listdir(process / "fd")
    except OSError:  # gone meanwhile, or another user's
        return
    for entry in entries:
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(process / "fd" / entry)


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def command_of(pid: int) -> str:
    """The command line of a process, shortened."""
    try:
        words = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return "ended meanwhile"
    return words if len(words) <= 120 else words[:117] + "..."
