"""The lead's door: a thread that listens, shakes hands with strangers, and lets helpers wait to be let in.

A stranger can make the lead read a greeting and a proof of fixed size, and hold one of a few places for
`handshake_seconds`; while all places are taken, others wait in the kernel's queue. None of it reaches
the thread that trains.
"""

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.channel import Channel
from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.handshake import (
    HELLO_BYTES,
    NONCE_BYTES,
    OPENING,
    OPENING_BYTES,
    PROOF_BYTES,
    Codec,
    check_fit,
    check_opening,
    check_proof,
    make_challenge,
)
from lockstep.core.group.refusals import Refusals, Refused
from lockstep.core.group.terms import GroupIdentity, Timeouts

MAX_STRANGERS = 16
_BACKLOG = 64
_MAX_GREETING_BYTES = 4096  # of any version

logger = logging.getLogger(__name__)


class Stranger:
    """A connection that has not proved yet that it is a helper's."""

    def __init__(
        self, connection: socket.socket, peer: str, identity: GroupIdentity, deadline: float
    ) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.peer = peer
        self.deadline = deadline
        self.hello = b""
        self._challenge = b""
        self._identity = identity
        self._received = b""

    def read(self) -> Codec | None:
        """Go on with the handshake; at its end the codec for frames to and from the helper.

        Raises OSError or ProtocolError where the stranger goes away or is no helper of ours.
        """
        wanted = PROOF_BYTES if self.hello else HELLO_BYTES
        received = self.connection.recv(wanted - len(self._received))
        if not received:
            raise ConnectionResetError("the stranger hung up")
        self._received += received
        if not self.hello and len(self._received) >= OPENING_BYTES:
            self._check_opening()
        if len(self._received) < wanted:
            return None
        message, self._received = self._received, b""
        if self.hello:
            return check_proof(self._identity, self.hello, self._challenge, message)
        self._challenge = make_challenge(self._identity, message, os.urandom(NONCE_BYTES))
        self.hello = message
        if self.connection.send(self._challenge) < len(self._challenge):  # never so on a fresh connection
            raise ConnectionResetError("the stranger does not read")
        return None

    def _check_opening(self) -> None:
        """Tell a member of another version which one ours is, before it is refused."""
        try:
            check_opening(self._received[:OPENING_BYTES])
        except ProtocolError as error:
            if error.refused == "version":
                self.connection.send(OPENING)
                self._read_away()
            raise

    def _read_away(self) -> None:
        """To close while something is unread resets the connection, and what was sent last may be lost."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.recv(_MAX_GREETING_BYTES)


class Door:
    """Listens at `address` (host, port) from construction until `close`.

    `waiting` holds the channels of helpers that may be let in, in order of arrival; the thread that trains
    takes them from the left. `free_seats` says how many may wait at most; the door's thread calls it.
    `refusals` counts the strangers that were refused, and the frames of those who were not.
    """

    def __init__(
        self, identity: GroupIdentity, host: str, timeouts: Timeouts, free_seats: Callable[[], int]
    ) -> None:
        self._identity = identity
        self._seconds = timeouts.handshake_seconds
        self._free_seats = free_seats
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=_BACKLOG)
        self._listener.setblocking(False)
        name = self._listener.getsockname()
        self.address: tuple[str, int] = (name[0], name[1])
        self.waiting: deque[Channel] = deque()
        self.refusals = Refusals()
        self._strangers: dict[socket.socket, Stranger] = {}
        self._selector = selectors.DefaultSelector()
        self._listening = False
        self._alarm, self._bell = socket.socketpair()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="group-door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, hang up on strangers. Those in `waiting` are the caller's. May be called again."""
        if self._closing:
            return
        self._closing = True
        self._bell.close()
        self._thread.join()

    def _run(self) -> None:
        self._selector.register(self._alarm, selectors.EVENT_READ)
        try:
            while not self._closing:
                self._tend_listener()
                for key, _ in self._selector.select(self._seconds_to_wait()):
                    self._serve(key.fileobj)
                self._drop_the_late()
        finally:
            self._selector.close()
            for connection in (*self._strangers, self._listener, self._alarm):
                connection.close()

    def _seconds_to_wait(self) -> float | None:
        if not self._strangers:
            return None
        return max(0.0, min(s.deadline for s in self._strangers.values()) - time.monotonic())

    def _tend_listener(self) -> None:
        """Listen only while there is a place for one more stranger."""
        if self._listening == (len(self._strangers) < MAX_STRANGERS):
            return
        self._listening = not self._listening
        if self._listening:
            self._selector.register(self._listener, selectors.EVENT_READ)
        else:
            self._selector.unregister(self._listener)

    def _serve(self, fileobj: object) -> None:
        if fileobj is self._listener:
            self._accept()
        elif isinstance(fileobj, socket.socket) and fileobj in self._strangers:
            self._read(self._strangers[fileobj])

    def _accept(self) -> None:
        try:
            connection, peer = self._listener.accept()
        except OSError as error:  # gone again, or out of descriptors: then a pause keeps this from spinning
            logger.warning("action=group_accept_failed job=%s error=%s", self._identity.job_id, error)
            time.sleep(0.05)
            return
        deadline = time.monotonic() + self._seconds
        self._strangers[connection] = Stranger(
            connection, "{}:{}".format(*peer[:2]), self._identity, deadline
        )
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, stranger: Stranger) -> None:
        try:
            codec = stranger.read()
        except BlockingIOError:
            return
        except ProtocolError as error:
            if error.refused == "version":
                self._note_refusal(stranger.peer, error)
            self._turn_away(stranger, error.refused, str(error))
            return
        except OSError as error:
            self._turn_away(stranger, "hung_up", str(error))
            return
        if codec is not None:
            self._forget(stranger)
            self._answer(Channel(stranger.connection, codec, Stamp(), self.refusals), stranger.hello)

    def _answer(self, channel: Channel, hello: bytes) -> None:
        try:
            check_fit(self._identity, hello)
            if len(self.waiting) >= self._free_seats():
                raise ProtocolError("no seat is free", "seat")
        except ProtocolError as error:
            self.refusals.count(error.refused)
            self._note_refusal(channel.peer, error)
            channel.say_goodbye(str(error))
            channel.close()
            return
        channel.queue(FrameKind.ACCEPTED)
        try:
            channel.flush()
        except LockstepError:
            channel.close()
            return
        self.waiting.append(channel)

    def _note_refusal(self, peer: str, error: ProtocolError) -> None:
        logger.info(
            "action=group_refused job=%s attempt=%d peer=%s reason=%s",
            self._identity.job_id,
            self._identity.attempt,
            peer,
            error,
        )

    def _drop_the_late(self) -> None:
        now = time.monotonic()
        for stranger in [s for s in self._strangers.values() if s.deadline <= now]:
            self._turn_away(stranger, "late", "it did not prove itself in time")

    def _turn_away(self, stranger: Stranger, refused: Refused, reason: str) -> None:
        logger.debug("action=group_stranger_dropped job=%s reason=%s", self._identity.job_id, reason)
        self.refusals.count(refused)
        self._forget(stranger)
        stranger.connection.close()

    def _forget(self, stranger: Stranger) -> None:
        del self._strangers[stranger.connection]
        self._selector.unregister(stranger.connection)
