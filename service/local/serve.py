"""The API process: uvicorn on a listening socket that the supervisor holds, or on the settings' address.

`uvicorn --fd` would almost do, but it takes the socket for a unix one, and so leaves Nagle's
algorithm on for every connection.
"""

from __future__ import annotations

import socket
import sys

import uvicorn

from lockstep.service.app import factory
from lockstep.service.protocol import BoundedHttp
from lockstep.service.settings import SettingsError, read_settings
from lockstep.service.store.address import BadAddress

GRACE_SECONDS = 2


def serve(descriptor: int | None) -> None:
    """Serve until SIGTERM or SIGINT; without a descriptor on the settings' `host` and `port`.

    Raises SettingsError and BadAddress.
    """
    settings = read_settings()
    config = uvicorn.Config(
        factory(settings),
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=settings.keep_alive_seconds,
        access_log=False,
    )
    sockets = None if descriptor is None else [socket.socket(fileno=descriptor)]
    uvicorn.Server(config).run(sockets=sockets)


def main() -> None:
    """Serve on the descriptor that the command line names."""
    try:
        serve(int(sys.argv[1]))
    except SettingsError as error:
        sys.exit(f"error: {error}")
    except BadAddress as error:
        sys.exit(f"error: LOCKSTEP_DATABASE_URL: {error}")


if __name__ == "__main__":
    main()
