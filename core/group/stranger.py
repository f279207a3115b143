"""The door's side of the handshake with one connection, without ever blocking."""

import contextlib
import os
import socket

from lockstep.core.group.frames import ProtocolError
from lockstep.core.group.handshake import (
    HELLO_BYTES,
    NONCE_BYTES,
    OPENING,
    OPENING_BYTES,
    PROOF_BYTES,
    Codec,
    check_opening,
    check_proof,
    make_challenge,
)
from lockstep.core.group.terms import GroupIdentity

_MAX_GREETING_BYTES = 4096  # of any version


class Stranger:
    """A connection that has not proved yet that it is a member's."""

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

    def close(self) -> None:
        """Hang up on it."""
        self.connection.close()

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
