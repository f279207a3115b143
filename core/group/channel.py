"""One connection between two members: frames out and in, without ever blocking.

It decides nothing: a `Sink` says where a frame's payload belongs and what follows from it, and whoever
owns the channel waits with `poll` and a deadline.
"""

import socket
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_REASON_BYTES,
    TAG_BYTES,
    FrameKind,
    ProtocolError,
    Stamp,
)
from lockstep.core.group.handshake import Codec
from lockstep.core.group.leaving import Left, left_by
from lockstep.core.group.refusals import Refusals

_READ_AHEAD_BYTES = 16 * 1024
_SEALED_BYTES = FRAME_BYTES + MAX_PAYLOAD_BYTES


class PeerLost(LockstepError):
    """The connection is gone; the message says how it went, `left` in one word."""

    def __init__(self, message: str, left: Left = "died") -> None:
        self.left: Left = left
        super().__init__(message)


class Sink(Protocol):
    """What a receiver makes of the frames that come."""

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:
        """Where the payload belongs, of the size that it must have; None to be asked again later.

        `stamp` is the sender's. Raises ProtocolError where the frame may not come. It is not verified yet:
        nothing but the place may depend on it. Where it turns out to be forged, what is written there is
        worth nothing.
        """

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:
        """The frame is verified and in its place. False: leave what follows for later."""


class _Queued(NamedTuple):
    """A frame to seal and send when its turn comes."""

    kind: FrameKind
    stamp: Stamp
    payload: memoryview | bytes


class Channel:
    """Frames over a connected socket, which it owns and makes non-blocking.

    A frame is sealed when the kernel has taken those before it, and opened straight into its place: one
    buffer for each direction, of about one frame, is all that a channel holds. `refusals` counts the
    frames that are refused.
    """

    def __init__(self, connection: socket.socket, codec: Codec, stamp: Stamp, refusals: Refusals) -> None:
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._sealer = codec.sealer
        self._opener = codec.opener
        self.refusals = refusals
        self.stamp = stamp
        self.peer = name_of(connection)
        self.sent_bytes = self.received_bytes = 0
        self._queued: deque[_Queued] = deque()
        # Sealed frames that the kernel has not taken yet: from `_sent` to `_sealed`.
        self._out = np.empty(_SEALED_BYTES, np.uint8).data
        self._sent = 0
        self._sealed = 0
        # What was read and not yet opened: from `_start` to `_end`. Small frames cost one call of the kernel;
        # of a large one little more is read than itself, so that little has to be moved.
        self._in = np.empty(_SEALED_BYTES + _READ_AHEAD_BYTES, np.uint8).data
        self._start = 0
        self._end = 0
        self._header_read = False
        self._kind = FrameKind.OVER
        self._length = 0
        self._payload: memoryview | None = None  # where the payload of the frame in work goes

    @property
    def connection(self) -> socket.socket:
        """The socket, for what can't go in frames; only while no frame is on its way to us."""
        return self._socket

    def fileno(self) -> int:
        """The socket's descriptor, for `poll`; -1 once closed."""
        return self._socket.fileno()

    @property
    def has_pending(self) -> bool:
        """Whether bytes wait to be sent."""
        return self._sealed > self._sent or bool(self._queued)

    @property
    def has_read_ahead(self) -> bool:
        """Whether there are bytes that `poll` no longer knows of, perhaps whole frames."""
        return self._end > self._start

    @property
    def holds(self) -> bool:
        """Whether a frame waits that the sink has put off."""
        return self._header_read and self._payload is None

    def queue(self, kind: FrameKind, payload: memoryview | bytes = b"") -> None:
        """Leave a frame for `flush` to seal and send. Its payload, of MAX_PAYLOAD_BYTES at most, must stay
        as it is until it is sent.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"expected at most {MAX_PAYLOAD_BYTES} bytes for a frame, got {len(payload)}")
        stamp = Stamp(self.stamp.generation, self.stamp.collective)
        self._queued.append(_Queued(kind, stamp, payload))

    def flush(self) -> bool:
        """Send what the kernel takes now. True if nothing is left. Raises PeerLost."""
        while self._sealed > self._sent or self._seal_some():
            try:
                count = self._socket.send(self._out[self._sent : self._sealed])
            except BlockingIOError:
                return False
            except OSError as error:
                raise PeerLost(_describe(error), left_by(error)) from error
            self._sent += count
            self.sent_bytes += count
        return True

    def _seal_some(self) -> bool:
        """Seal as many frames as the buffer holds; False if there are none. Nothing may be left in it."""
        self._sent = self._sealed = 0
        queued = self._queued
        while queued and self._sealed + FRAME_BYTES + len(queued[0].payload) <= _SEALED_BYTES:
            frame = queued.popleft()
            self._sealed += self._sealer.seal_into(self._out[self._sealed :], *frame)
        return self._sealed > 0

    def receive(self, sink: Sink) -> None:
        """Hand all frames that are there to the sink, until it has enough. Raises PeerLost, ProtocolError."""
        try:
            self._receive(sink)
        except ProtocolError as error:
            self.refusals.count(error.refused)
            raise

    def _receive(self, sink: Sink) -> None:
        may_read = True
        while True:
            if self._payload is None and not self._begin_frame(sink):
                return
            if self._payload is not None and self._end - self._start >= len(self._payload) + TAG_BYTES:
                self._finish_frame(self._payload)
                if not sink.arrived(self._kind, self._opener.stamp):
                    return
            elif may_read:
                may_read = self._read()
            else:
                return

    def _begin_frame(self, sink: Sink) -> bool:
        """Find the next frame's place, if its header is there. False where the sink puts it off."""
        if not self._header_read:
            if self._end - self._start < HEADER_BYTES:
                return True
            header = bytes(self._in[self._start : self._start + HEADER_BYTES])
            self._kind, self._length = self._opener.read_header(header)
            self._start += HEADER_BYTES
            self._header_read = True
        payload = sink.place(self._kind, self._length, self._opener.stamp)
        if payload is None:
            return False
        if len(payload) != self._length:
            raise ProtocolError(
                f"expected {len(payload)} bytes in a frame {self._kind.name}, got {self._length}", "length"
            )
        if self._length > MAX_PAYLOAD_BYTES:
            raise ValueError(f"expected a place of at most {MAX_PAYLOAD_BYTES} bytes, got {self._length}")
        self._payload = payload
        return True

    def _finish_frame(self, payload: memoryview) -> None:
        end = self._start + len(payload) + TAG_BYTES
        self._opener.open_into(self._in[self._start : end], payload)
        self._start = end
        self._payload = None
        self._header_read = False

    def _read(self) -> bool:
        """One call of the kernel. False where it had less than there was room for."""
        rest = self._end - self._start
        if self._start:
            self._in[:rest] = self._in[self._start : self._end]
            self._start, self._end = 0, rest
        frame = HEADER_BYTES if self._payload is None else len(self._payload) + TAG_BYTES
        room = self._in[rest : frame + _READ_AHEAD_BYTES]
        try:
            count = self._socket.recv_into(room)
        except BlockingIOError:
            return False
        except OSError as error:
            raise PeerLost(_describe(error), left_by(error)) from error
        if count == 0:
            raise PeerLost("it closed the connection")
        self._end += count
        self.received_bytes += count
        return count == len(room)

    def say_goodbye(self, reason: str) -> bool:
        """Send OVER, as the last that we send. False where the peer will only see the connection close."""
        if self.has_pending or self.fileno() < 0:
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
        self._queued.clear()
        self._sent = self._sealed = 0

    def drain(self) -> bool:
        """Throw away what has come; True once the peer has closed.

        To close while something is unread resets the connection, and the peer may miss what we sent last.
        """
        try:
            while self._socket.recv_into(self._in):
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


def name_of(connection: socket.socket) -> str:
    """Who is at the other end, for people."""
    if connection.family == socket.AF_UNIX:
        return "this host"
    return "{}:{}".format(*connection.getpeername()[:2])


def _describe(error: OSError) -> str:
    return f"the connection broke: {error.strerror or error}"
