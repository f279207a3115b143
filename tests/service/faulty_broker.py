"""A broker that can be away, slow, full, or break off: fakeredis behind a relay that spoils its answers."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fakeredis import TcpFakeServer
from redis import Redis

OUT_OF_MEMORY = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
PIECE_BYTES = 1 << 16


class FaultyBroker:
    """It listens at `url`, always the same; at first it works.

    `answers` is set while it answers at all; what was asked before is answered then. `is_full`: what would
    add to its memory is refused. `cuts_off`: of each answer only the first byte comes, then the connection
    breaks.
    """

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.is_full = False
        self.cuts_off = False
        self.connections = 0
        self._server = TcpFakeServer(("127.0.0.1", 0))
        self._server.daemon_threads = True
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._address: tuple[str, int] = taken.getsockname()
        self.url = f"redis://127.0.0.1:{self._address[1]}/0"
        serving = {"poll_interval": 0.01}
        threading.Thread(target=self._server.serve_forever, kwargs=serving, daemon=True).start()

    def come(self) -> None:
        """Take connections, with all that was there before."""
        self._listener = socket.create_server(self._address)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def go(self) -> None:
        """Refuse connections and break those that stand."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for each in list(self._open):
            _hang_up(each)

    def forget(self) -> None:
        """Lose all that is in its memory."""
        with self._client() as redis:
            redis.flushall()

    def close(self) -> None:
        """Be gone for good."""
        self.answers.set()
        self.go()
        self._server.shutdown()
        self._server.server_close()

    def rings(self, queue: str) -> list[str]:
        """The ids of the jobs in a queue, oldest first."""
        with self._client() as redis:
            messages = [json.loads(message) for message in redis.lrange(f"lockstep:{queue}", 0, -1)]
        return [json.loads(base64.b64decode(message["body"]))[0][0] for message in reversed(messages)]

    def _client(self) -> Redis:
        """A way past the relay."""
        return Redis(host="127.0.0.1", port=int(self._server.server_address[1]), socket_timeout=5)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", int(self._server.server_address[1])))
            self._open |= {client, server}
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while asked := client.recv(PIECE_BYTES):
                if self.is_full and b"LPUSH" in asked:
                    client.sendall(OUT_OF_MEMORY)
                else:
                    server.sendall(asked)
        self._forget(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(PIECE_BYTES):
                self.answers.wait()
                client.sendall(answer[:1] if self.cuts_off else answer)
                if self.cuts_off:
                    break
        self._forget(client, server)

    def _forget(self, *ends: socket.socket) -> None:
        for each in ends:
            _hang_up(each)
            self._open.discard(each)


@contextmanager
def faulty_broker() -> Iterator[FaultyBroker]:
    """A broker that is not there yet; gone at the end."""
    broker = FaultyBroker()
    try:
        yield broker
    finally:
        broker.close()


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
