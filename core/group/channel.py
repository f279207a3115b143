"""One connection between two members: frames out and in, without ever blocking.

It decides nothing: a `Sink` says where a frame's payload belongs and what follows from it, and whoever
owns the channel waits with `poll` and a deadline.
"""

import socket
from collections import deque
from itertools import islice
from typing import Protocol

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.frames import (
    HEADER_BYTES,
    MAX_REASON_BYTES,
    NO_PLACE,
    TAG_BYTES,
    FrameKind,
    GroupPlace,
    ProtocolError,
    Stamp,
)
from lockstep.core.group.handshake import Codec
from lockstep.core.group.leaving import Left, left_by

_BUFFERS_PER_CALL = 64  # far below the kernel's 1024
_READ_AHEAD_BYTES = 16 * 1024


class PeerLost(LockstepError):
    """The connection is gone; the message says how it went, `left` in one word."""

    def __init__(self, message: str, left: Left = "died") -> None:
        self.left: Left = left
        super().__init__(message)


class Sink(Protocol):
    """What a receiver makes of the frames that come."""

    def place(self, kind: FrameKind, length: int) -> memoryview:
        """Where the payload belongs, of the size that it must have. Raises ProtocolError if none may come.

        The frame is not verified yet: nothing but the place may depend on it.
        """

    def arrived(self, kind: FrameKind) -> bool:
        """The frame is verified. False: leave what follows for later."""


class Channel:
    """Frames over a connected socket, which it owns and makes non-blocking."""

    def __init__(self, connection: socket.socket, codec: Codec, stamp: Stamp) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._sealer = codec.sealer
        self._opener = codec.opener
        self.stamp = stamp
        self.peer = "{}:{}".format(*connection.getpeername()[:2])
        self._pending: deque[memoryview | bytes] = deque()
        # What was read ahead of the frame in work: from `_start` to `_end`. Small frames cost one call of the
        # kernel; of a large one the most goes straight to its place.
        self._ahead = memoryview(bytearray(_READ_AHEAD_BYTES))
        self._start = 0
        self._end = 0
        self._kind = FrameKind.OVER
        self._payload: memoryview | None = None  # where the payload of the frame in work goes
        self._filled = 0  # how much of it is there

    def fileno(self) -> int:
        """The socket's descriptor, for `poll`; -1 once closed."""
        return self._socket.fileno()

    @property
    def has_pending(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._pending)

    @property
    def has_read_ahead(self) -> bool:
        """Whether there are bytes that `poll` no longer knows of, perhaps whole frames."""
        return self._end > self._start

    @property
    def place(self) -> GroupPlace:
        """What the last frame's header said of our place."""
        return self._opener.place

    def queue(self, kind: FrameKind, payload: memoryview | bytes = b"", place: GroupPlace = NO_PLACE) -> None:
        """Seal a frame for `flush` to send. Its payload must stay as it is until it is sent."""
        header, tag = self._sealer.seal(kind, self.stamp, payload, place)
        self._pending.append(header)
        if payload:
            self._pending.append(payload)
        self._pending.append(tag)

    def flush(self) -> bool:
        """Send what the kernel takes now. True if nothing is left. Raises PeerLost."""
        pending = self._pending
        while pending:
            try:
                sent = self._socket.sendmsg(islice(pending, _BUFFERS_PER_CALL))
            except BlockingIOError:
                return False
            except OSError as error:
                raise PeerLost(_describe(error), left_by(error)) from error
            while sent:
                first = pending[0]
                if sent < len(first):
                    pending[0] = memoryview(first)[sent:]
                    return False
                sent -= len(first)
                pending.popleft()
        return True

    def receive(self, sink: Sink) -> None:
        """Hand all frames that are there to the sink, until it has enough. Raises PeerLost, ProtocolError."""
        may_read = True
        while True:
            if self._payload is None and self._end - self._start >= HEADER_BYTES:
                self._begin_frame(sink)
            if self._payload is not None and self._is_whole(self._payload):
                self._finish_frame(self._payload)
                if not sink.arrived(self._kind):
                    return
            elif may_read:
                may_read = self._read()
            else:
                return

    def _is_whole(self, payload: memoryview) -> bool:
        return self._filled == len(payload) and self._end - self._start >= TAG_BYTES

    def _begin_frame(self, sink: Sink) -> None:
        header = bytes(self._ahead[self._start : self._start + HEADER_BYTES])
        self._kind, length = self._opener.read_header(header, self.stamp)
        self._start += HEADER_BYTES
        payload = sink.place(self._kind, length)
        if len(payload) != length:
            raise ProtocolError(f"expected {len(payload)} bytes in a frame {self._kind.name}, got {length}")
        filled = min(length, self._end - self._start)
        if filled:
            payload[:filled] = self._ahead[self._start : self._start + filled]
            self._start += filled
        self._payload = payload
        self._filled = filled

    def _finish_frame(self, payload: memoryview) -> None:
        self._opener.verify(payload, self._ahead[self._start : self._start + TAG_BYTES])
        self._start += TAG_BYTES
        self._payload = None

    def _read(self) -> bool:
        """One call of the kernel. False where it had less than there was room for."""
        ahead = self._ahead
        rest = self._end - self._start
        ahead[:rest] = ahead[self._start : self._end]
        self._start, self._end = 0, rest
        missing = 0 if self._payload is None else len(self._payload) - self._filled
        try:
            if self._payload is not None and missing:  # then nothing is left of what was read ahead
                count = self._socket.recvmsg_into([self._payload[self._filled :], ahead])[0]
                self._filled += min(count, missing)
            else:
                count = self._socket.recv_into(ahead[rest:])
        except BlockingIOError:
            return False
        except OSError as error:
            raise PeerLost(_describe(error), left_by(error)) from error
        if count == 0:
            raise PeerLost("it closed the connection")
        self._end += max(0, count - missing)
        return count == missing + len(ahead) - rest

    def say_goodbye(self, reason: str) -> bool:
        """Send OVER, as the last that we send. False where the peer will only see the connection close."""
        if self._pending or self.fileno() < 0:
            return False
        self.queue(FrameKind.OVER, reason.encode()[:MAX_REASON_BYTES])
        try:
            self.flush()
            self._socket.shutdown(socket.SHUT_WR)
        except (PeerLost, OSError):
            return False
        return True

    def abandon_pending(self) -> None:
        """Forget what waits to be sent: to listen once more to a peer that no longer reads."""
        self._pending.clear()

    def drain(self) -> bool:
        """Throw away what has come; True once the peer has closed.

        To close while something is unread resets the connection, and the peer may miss what we sent last.
        """
        try:
            while self._socket.recv_into(self._ahead):
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def is_quiet(self) -> bool:
        """Whether the connection stands and nothing has come: what is true of a peer that waits."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close the connection at once. May be called again."""
        self._socket.close()


def _describe(error: OSError) -> str:
    return f"the connection broke: {error.strerror or error}"
