"""The lead's door: a thread that listens, shakes hands with strangers, and lets helpers wait to be let in.

A stranger can make the lead read a greeting and a proof of fixed size, and hold one of a few places for
`handshake_seconds`; while all places are taken, others wait in the kernel's queue. None of it reaches
the thread that trains.
"""

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
from lockstep.core.group.frames import FrameKind, Stamp
from lockstep.core.group.handshake import (
    HELLO_BYTES,
    NONCE_BYTES,
    PROOF_BYTES,
    check_proof,
    make_challenge,
    reason_to_refuse,
)
from lockstep.core.group.terms import GroupIdentity, Timeouts

MAX_STRANGERS = 16
_BACKLOG = 64

logger = logging.getLogger(__name__)


class Stranger:
    """A connection that has not proved yet that it is a helper's."""

    def __init__(self, connection: socket.socket, identity: GroupIdentity, deadline: float) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.deadline = deadline
        self._identity = identity
        self._nonce = os.urandom(NONCE_BYTES)
        self._hello = b""
        self._received = b""

    def read(self) -> tuple[Channel, str | None] | None:
        """Go on with the handshake. At its end: the channel, and why the helper is refused, if it is.

        Raises OSError or ProtocolError where the stranger goes away or is no helper of ours.
        """
        wanted = PROOF_BYTES if self._hello else HELLO_BYTES
        received = self.connection.recv(wanted - len(self._received))
        if not received:
            raise ConnectionResetError("the stranger hung up")
        self._received += received
        if len(self._received) < wanted:
            return None
        message, self._received = self._received, b""
        if self._hello:
            codec = check_proof(self._identity, self._hello, self._nonce, message)
            return Channel(self.connection, codec, Stamp()), reason_to_refuse(self._identity, self._hello)
        challenge = make_challenge(self._identity, message, self._nonce)
        self._hello = message
        if self.connection.send(challenge) < len(challenge):  # never so on a fresh connection
            raise ConnectionResetError("the stranger does not read")
        return None


class Door:
    """Listens at `address` (host, port) from construction until `close`.

    `waiting` holds the channels of helpers that may be let in, in order of arrival; the thread that trains
    takes them from the left. `free_seats` says how many may wait at most; the door's thread calls it.
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
            connection, _ = self._listener.accept()
        except OSError as error:  # gone again, or out of descriptors: then a pause keeps this from spinning
            logger.warning("action=group_accept_failed job=%s error=%s", self._identity.job_id, error)
            time.sleep(0.05)
            return
        deadline = time.monotonic() + self._seconds
        self._strangers[connection] = Stranger(connection, self._identity, deadline)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, stranger: Stranger) -> None:
        try:
            result = stranger.read()
        except BlockingIOError:
            return
        except (OSError, LockstepError) as error:
            logger.debug("action=group_stranger_dropped job=%s reason=%s", self._identity.job_id, error)
            self._forget(stranger)
            stranger.connection.close()
            return
        if result is not None:
            self._forget(stranger)
            self._answer(*result)

    def _answer(self, channel: Channel, refusal: str | None) -> None:
        if refusal is None and len(self.waiting) >= self._free_seats():
            refusal = "no seat is free"
        if refusal is not None:
            logger.info(
                "action=group_refused job=%s attempt=%d peer=%s reason=%s",
                self._identity.job_id,
                self._identity.attempt,
                channel.peer,
                refusal,
            )
            channel.say_goodbye(refusal)
            channel.close()
            return
        channel.queue(FrameKind.ACCEPTED)
        try:
            channel.flush()
        except LockstepError:
            channel.close()
            return
        self.waiting.append(channel)

    def _drop_the_late(self) -> None:
        now = time.monotonic()
        for stranger in [s for s in self._strangers.values() if s.deadline <= now]:
            self._forget(stranger)
            stranger.connection.close()

    def _forget(self, stranger: Stranger) -> None:
        del self._strangers[stranger.connection]
        self._selector.unregister(stranger.connection)
