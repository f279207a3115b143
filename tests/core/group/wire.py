"""A wire between a helper and a lead that can be cut, stalled, slowed or tampered with at any byte."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

CONTROL, NUMBERS = 0, 1

# Given the bytes that come next and how many went before: what to pass on, and whether the wire still holds.
Tamper = Callable[[bytes, int], tuple[bytes, bool]]


def nothing(data: bytes, _: int) -> tuple[bytes, bool]:
    """Pass everything on."""
    return data, True


def cut_at(position: int) -> Tamper:
    """Cut the wire, in both directions, before the byte at `position`."""

    def tamper(data: bytes, before: int) -> tuple[bytes, bool]:
        return data[: max(0, position - before)], before + len(data) <= position

    return tamper


def flip_at(position: int) -> Tamper:
    """Flip a bit of the byte at `position`."""

    def tamper(data: bytes, before: int) -> tuple[bytes, bool]:
        changed = bytearray(data)
        if before <= position < before + len(data):
            changed[position - before] ^= 0x10
        return bytes(changed), True

    return tamper


def repeat_at(position: int, length: int) -> Tamper:
    """Send `length` bytes that went before `position` once more there."""
    past = bytearray()

    def tamper(data: bytes, before: int) -> tuple[bytes, bool]:
        past.extend(data)
        if before <= position < before + len(data):
            middle = position - before
            return data[:middle] + bytes(past[position - length : position]) + data[middle:], True
        return data, True

    return tamper


def stall_at(position: int, thawed: threading.Event) -> Tamper:
    """Pass nothing on from the byte at `position` until `thawed`; then go on as if nothing had been."""

    def tamper(data: bytes, before: int) -> tuple[bytes, bool]:
        if before + len(data) > position:
            thawed.wait(20)
        return data, True

    return tamper


def slow(seconds: float) -> Tamper:
    """Wait before each piece."""

    def tamper(data: bytes, _: int) -> tuple[bytes, bool]:
        time.sleep(seconds)
        return data, True

    return tamper


class Wire:
    """Listens at `address` and passes connections on to `target`.

    A helper makes two with its lead: one for what is said, then one for numbers. The tampers are for the one
    with the number `on`; the others pass unchanged.
    """

    def __init__(
        self,
        target: tuple[str, int],
        to_lead: Tamper = nothing,
        to_helper: Tamper = nothing,
        piece_bytes: int = 65536,
        on: int = NUMBERS,
    ) -> None:
        self._target = target
        self._tampers = (to_lead, to_helper)
        self._piece_bytes = piece_bytes
        self._on = on
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.recorded = bytearray()  # what went to the lead
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, timeout=5).close()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for connection in self._connections:
            connection.close()

    def cut(self) -> None:
        """Cut the wire in both directions."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        for number in itertools.count():
            try:
                helper, _ = self._listener.accept()
            except OSError:
                if self._stopping:
                    return  # the listener is closed already
                raise
            if self._stopping:
                helper.close()
                return
            try:
                lead = socket.create_connection(self._target)
            except OSError:
                helper.close()
                continue
            self._connections += [helper, lead]
            to_lead, to_helper = self._tampers if number == self._on else (nothing, nothing)
            for source, sink, tamper in ((helper, lead, to_lead), (lead, helper, to_helper)):
                records = number == self._on and source is helper
                thread = threading.Thread(
                    target=self._pass_on, args=(source, sink, tamper, records), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, tamper: Tamper, records: bool) -> None:
        before = 0
        try:
            while data := source.recv(self._piece_bytes):
                passed, holds = tamper(data, before)
                before += len(data)
                sink.sendall(passed)
                if records:
                    self.recorded += passed
                if not holds:
                    self.cut()
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()
