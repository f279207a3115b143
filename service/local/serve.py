"""The API process of a local service: uvicorn on a listening socket that the supervisor holds.

`uvicorn --fd` would do but for one thing: it takes the socket for a unix one, and so leaves Nagle's
algorithm on for every connection.
"""

from __future__ import annotations

import socket
import sys

import uvicorn

GRACE_SECONDS = 2


def main() -> None:
    """Serve on the descriptor that the command line names."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        "service.app:factory", factory=True, timeout_graceful_shutdown=GRACE_SECONDS, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
