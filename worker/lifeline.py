"""The line between a worker's main process and its pool child: each learns of the other's death at once.

The child reports in on a unix socket and keeps the connection open. Its end, however it came, closes the
connection, so the main process evicts what the child held without waiting for the lease; the main process's
end closes it too, and the child, which nothing could stop any more, leaves. The main process also says on it
that the worker is to be drained.
"""

import contextlib
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

DRAIN = b"drain\n"
HELLO_BYTES = 32
CONNECT_TIMEOUT_SECONDS = 5.0


class ChildWatch:
    """The main process's end: `on_death(pid)` runs on its thread when a child's connection ends.

    It listens in `folder`, which only this user may enter. `reported` counts the children that came so far.
    """

    def __init__(self, folder: Path, on_death: Callable[[int], None]) -> None:
        self._on_death = on_death
        self.path = folder / "lifeline"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._children: dict[socket.socket, int] = {}
        self.reported = 0
        self._draining = False
        self._thread = threading.Thread(target=self._watch, name="lockstep-childwatch", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def drain(self) -> None:
        """Tell the children, later ones too, to finish their step, save and let go.

        Called in a signal handler, so it takes no lock: it only sets a flag and writes to sockets.
        """
        self._draining = True
        for child in tuple(self._children):
            _send_drain(child)

    def close(self) -> None:
        """Stop watching; remaining children see it as the main process's end."""
        self._wake_writer.close()
        if self._thread.ident is not None:
            self._thread.join(CONNECT_TIMEOUT_SECONDS)
        for end in (self._listener, self._wake_reader, *self._children):
            end.close()

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake_reader:
                        return
                    if key.fileobj is self._listener:
                        self._admit(selector)
                    elif isinstance(key.fileobj, socket.socket):
                        self._hear(selector, key.fileobj)

    def _admit(self, selector: selectors.BaseSelector) -> None:
        child, _ = self._listener.accept()
        child.settimeout(CONNECT_TIMEOUT_SECONDS)
        try:
            pid = int(child.recv(HELLO_BYTES))
        except (OSError, ValueError):
            child.close()  # died while reporting in: it holds no claim yet
            return
        self._children[child] = pid
        self.reported += 1
        selector.register(child, selectors.EVENT_READ)
        if self._draining:
            _send_drain(child)

    def _hear(self, selector: selectors.BaseSelector, child: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            if child.recv(HELLO_BYTES):
                return
        pid = self._children.pop(child)
        selector.unregister(child)
        child.close()
        try:
            self._on_death(pid)
        except Exception:
            # The watch must go on; what this child held is evicted when its lease ends.
            logger.exception("action=evict_failed child=%d", pid)


class Lifeline:
    """The child's end: reports in, calls `on_drain` when told to, leaves when the main process is gone."""

    def __init__(self, path: Path, on_drain: Callable[[], None]) -> None:
        self._on_drain = on_drain
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_TIMEOUT_SECONDS)
        self._socket.connect(str(path))
        self._socket.sendall(b"%d\n" % os.getpid())
        self._socket.settimeout(None)

    def start(self) -> None:
        """Start listening to the main process."""
        threading.Thread(target=self._listen, name="lockstep-lifeline", daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self._socket.recv(HELLO_BYTES):
                self._on_drain()
        # The kernel's PR_SET_PDEATHSIG does the same, on Linux alone.
        os._exit(1)


def _send_drain(child: socket.socket) -> None:
    with contextlib.suppress(OSError):
        child.send(DRAIN)
