"""Knocking at a member's door: the other side of the handshake, and the first words."""

import contextlib
import logging
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group import LeadLost, Released, points
from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.descriptors import local_name, receive_descriptors, send_descriptors
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES, MAX_REASON_BYTES, FrameKind, ProtocolError, Stamp
from lockstep.core.group.guests import SHARED
from lockstep.core.group.handshake import (
    CHALLENGE_BYTES,
    NONCE_BYTES,
    OPENING_BYTES,
    VERSION,
    Codec,
    answer_challenge,
    check_opening,
    make_hello,
)
from lockstep.core.group.messages import LEAD, Address, Introduction
from lockstep.core.group.peers import Peer
from lockstep.core.group.refusals import Refusals
from lockstep.core.group.segment import NoSharedMemory, Segment
from lockstep.core.group.shm_link import OFFERED, ShmLink, ShmOffer
from lockstep.core.group.tcp_link import TcpLink
from lockstep.core.group.terms import GroupTerms

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dialer:
    """Connects one member to others. `stamp` is where the member is; `refusals` counts what it refuses."""

    terms: GroupTerms
    segment: Segment | None
    stamp: Stamp
    refusals: Refusals

    def control(self, address: Address) -> Channel:
        """A channel to the lead. Raises LeadLost."""
        try:
            return self._knock(address, here=True)
        except (OSError, LockstepError) as error:
            raise LeadLost(f"no way to the lead at {address[0]}:{address[1]}: {error}") from error

    def link_with_all(
        self, doors: Mapping[int, Address], leads_address: Address, introduction: Introduction
    ) -> dict[int, Peer]:
        """Link with those who are there. Who can't be reached may have left; the lead sees who is missing.

        The lead is reached as before, at `leads_address`. Raises LeadLost where it isn't.
        """
        links: dict[int, Peer] = {}
        for number, meant in doors.items():
            door = leads_address if number == LEAD else meant
            try:
                links[number] = self.link(number, door, replace(introduction, meant=meant))
            except (OSError, LockstepError) as error:
                if number == LEAD:
                    raise LeadLost(f"no link with the lead at {door[0]}:{door[1]}: {error}") from error
                logger.info("action=group_not_linked member=%d door=%s:%d reason=%s", number, *door, error)
        return links

    def link(self, number: int, address: Address, introduction: Introduction) -> Peer:
        """Link with member `number`. Raises OSError or LockstepError where that can't be."""
        if self.segment is not None:
            try:
                return self._link_here(number, address, introduction)
            except (OSError, NoSharedMemory):
                if self.terms.transport == "shared_memory":
                    raise
        channel = self._knock(address, here=False)
        with _closing_on_error(channel):
            ask(channel, introduction, self.terms.timeouts.handshake_seconds)
        return Peer(number, TcpLink(channel), channel)

    def _link_here(self, number: int, address: Address, introduction: Introduction) -> Peer:
        """Link by shared memory, or else over a connection within this host."""
        if self.segment is None:
            raise NoSharedMemory("this member has no segment")
        seconds = self.terms.timeouts.handshake_seconds
        channel = self._knock(address, here=True)
        with _closing_on_error(channel), contextlib.closing(ShmOffer(self.segment)) as offer:
            is_here = channel.connection.family == socket.AF_UNIX
            if ask(channel, replace(introduction, shares_memory=is_here), seconds) != SHARED:
                return Peer(number, TcpLink(channel), channel)
            link = self._share(channel.connection, offer)
        return Peer(number, link, channel)

    def _share(self, connection: socket.socket, offer: ShmOffer) -> ShmLink:
        send_descriptors(connection, offer.descriptors)
        points.OFFERED_MEMORY.reach()
        connection.settimeout(self.terms.timeouts.handshake_seconds)
        received = receive_descriptors(connection, OFFERED)
        connection.setblocking(False)
        return offer.accept(received)

    def _knock(self, address: Address, *, here: bool) -> Channel:
        connection = self._connect(address, here=here)
        try:
            points.KNOCKS.reach()
            codec = self._shake_hands(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, ProtocolError):
                self.refusals.count(error.refused)
            raise
        return Channel(connection, codec, self.stamp, self.refusals)

    def _connect(self, address: Address, *, here: bool) -> socket.socket:
        """`here`: by the name that is known on the member's host alone, if it is ours. Else by TCP."""
        seconds = self.terms.timeouts.handshake_seconds
        if here and self.segment is not None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(seconds)
            try:
                connection.connect(local_name(self.terms.identity.secret, address[1]))
            except OSError:
                connection.close()
            else:
                return connection
        return socket.create_connection(address, timeout=seconds)

    def _shake_hands(self, connection: socket.socket) -> Codec:
        identity = self.terms.identity
        deadline = time.monotonic() + self.terms.timeouts.handshake_seconds
        hello = make_hello(identity, os.urandom(NONCE_BYTES))
        connection.sendall(hello)
        points.GREETED.reach()
        opening = _receive(connection, OPENING_BYTES, deadline)
        check_opening(opening)
        rest = _receive(connection, CHALLENGE_BYTES - OPENING_BYTES, deadline)
        proof, codec = answer_challenge(identity, hello, opening + rest)
        connection.sendall(proof)
        points.PROVED.reach()
        return codec


@contextlib.contextmanager
def _closing_on_error(channel: Channel) -> Iterator[None]:
    try:
        yield
    except BaseException:
        channel.close()
        raise


@dataclass
class Answer:
    """A Sink for one frame ACCEPTED, or a goodbye."""

    said: memoryview = field(default_factory=lambda: memoryview(bytearray()))
    came: bool = False

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:  # noqa: ARG002 - as Sink
        """See Sink."""
        most = {FrameKind.ACCEPTED: MAX_PAYLOAD_BYTES, FrameKind.OVER: MAX_REASON_BYTES}.get(kind, -1)
        if length > most:
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self.said = memoryview(bytearray(length))
        return self.said

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:  # noqa: ARG002 - as Sink
        """See Sink. Raises Released where the other side says goodbye."""
        if kind is FrameKind.OVER:
            raise Released(str(self.said, errors="replace"))
        self.came = True
        return False


def ask(channel: Channel, introduction: Introduction, seconds: float) -> bytes:
    """Introduce ourselves and wait for ACCEPTED. Raises Released, LeadLost, or what the channel raises."""
    deadline = time.monotonic() + seconds
    answer = Answer()
    channel.queue(FrameKind.INTRODUCE, introduction.to_bytes())
    try:
        channel.flush()
    except PeerLost:  # it may have said why
        channel.abandon_pending()
    points.INTRODUCED.reach()
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while not answer.came:
        if not poll.poll(max(0.0, (deadline - time.monotonic()) * 1000)):
            raise LeadLost(f"expected an answer at the door within {seconds:.1f} s")
        channel.receive(answer)
    return bytes(answer.said)


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Exactly so many bytes, before the deadline."""
    received = b""
    while len(received) < size:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError(
                f"the member hung up (one of group protocol 1 does so; this one speaks {VERSION})"
            )
        received += part
    return received
