"""A member's door: a thread that listens, shakes hands with strangers, and hears what they want.

At the lead's door they want to be let in, at any to be linked with the member.

A stranger can make the member read a greeting and a proof of fixed size, and hold one of a few places for
`handshake_seconds`; while all places are taken, others wait in the kernel's queue. None of it reaches
the thread that trains.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group import points
from lockstep.core.group.channel import Channel, name_of
from lockstep.core.group.descriptors import listen_here, local_name
from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.guests import NOT_SHARED, SHARED, Guest, Visitor
from lockstep.core.group.handshake import Codec, check_fit
from lockstep.core.group.messages import LEAD, MAX_MEMBERS, Introduction
from lockstep.core.group.peers import Peer
from lockstep.core.group.reception import Reception
from lockstep.core.group.refusals import Refusals, WhyRefused
from lockstep.core.group.segment import NoSharedMemory, Segment
from lockstep.core.group.shm_link import ShmOffer
from lockstep.core.group.stranger import Stranger
from lockstep.core.group.tcp_link import TcpLink
from lockstep.core.group.terms import GroupTerms

MAX_STRANGERS = 16
_BACKLOG = 64
_SLOWER_JOINER = 5  # a joiner shakes hands with all members before it is ready

logger = logging.getLogger(__name__)


class Door:
    """Listens at `address` (host, port) from construction until `close`; with a segment, to its host too.

    `waiting` holds the joiners that are ready to be let in, in order of arrival; the thread that trains takes
    them from the left. Links that others have made with this member wait until `take_peer`. `stamp` is where
    the member is. `refusals` counts the strangers that were refused, and the frames of those who were not.
    """

    def __init__(
        self, terms: GroupTerms, reception: Reception, segment: Segment | None, stamp: Stamp
    ) -> None:
        self._terms = terms
        self._identity = terms.identity
        self._seconds = terms.timeouts.handshake_seconds
        self._reception = reception
        self._segment = segment
        self._stamp = stamp
        family = socket.AF_INET6 if ":" in terms.listen_host else socket.AF_INET
        listener = socket.create_server((terms.listen_host, 0), family=family, backlog=_BACKLOG)
        name = listener.getsockname()
        self.address: tuple[str, int] = (name[0], name[1])
        self._listeners = [listener]
        if segment is not None:
            with contextlib.suppress(OSError):  # then there is TCP
                self._listeners.append(
                    listen_here(local_name(self._identity.secret, self.address[1]), _BACKLOG)
                )
        for each in self._listeners:
            each.setblocking(False)
        self.waiting: deque[Guest] = deque()
        self.refusals = Refusals()
        self._peers: dict[int, Peer] = {}
        self._handing_over = threading.Lock()  # held until the door has sent what it has to say over a link
        self._strangers: dict[socket.socket, Stranger] = {}
        self._visitors: dict[int, Visitor] = {}
        self._selector = selectors.DefaultSelector()
        self._listening = False
        self._alarm, self._bell = socket.socketpair()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="group-door", daemon=True)
        self._thread.start()

    def take_peer(self, number: int) -> Peer | None:
        """The link that a member has made with us, which is the caller's now."""
        with self._handing_over:
            return self._peers.pop(number, None)

    def close(self) -> None:
        """Stop listening, hang up on strangers. Those in `waiting` are the caller's. May be called again."""
        if self._closing:
            return
        self._closing = True
        self._bell.close()
        self._thread.join()
        while self._peers:
            self._peers.popitem()[1].close()

    def _run(self) -> None:
        self._selector.register(self._alarm, selectors.EVENT_READ)
        try:
            while not self._closing:
                self._tend_listeners()
                for key, _ in self._selector.select(self._seconds_to_wait()):
                    self._serve(key.fileobj)
                self._drop_the_late()
        finally:
            self._selector.close()
            held: list[Stranger | Visitor] = [*self._strangers.values(), *self._visitors.values()]
            for each in (*held, *self._listeners, self._alarm):
                each.close()

    def _seconds_to_wait(self) -> float | None:
        held: list[Stranger | Visitor] = [*self._strangers.values(), *self._visitors.values()]
        deadlines = [each.deadline for each in held]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _tend_listeners(self) -> None:
        """Listen only while there is a place for one more stranger."""
        if self._listening == (len(self._strangers) + len(self._visitors) < MAX_STRANGERS):
            return
        self._listening = not self._listening
        for listener in self._listeners:
            if self._listening:
                self._selector.register(listener, selectors.EVENT_READ)
            else:
                self._selector.unregister(listener)

    def _serve(self, fileobj: object) -> None:
        if isinstance(fileobj, int):
            if fileobj in self._visitors:
                self._hear(self._visitors[fileobj])
        elif fileobj in self._listeners and isinstance(fileobj, socket.socket):
            self._accept(fileobj)
        elif isinstance(fileobj, socket.socket) and fileobj in self._strangers:
            self._read(self._strangers[fileobj])

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
            peer = name_of(connection)
            points.KNOCKED.reach()
        except OSError as error:  # gone again, or out of descriptors: then a pause keeps this from spinning
            logger.warning("action=group_accept_failed job=%s error=%s", self._identity.job_id, error)
            time.sleep(0.05)
            return
        deadline = time.monotonic() + self._seconds
        self._strangers[connection] = Stranger(connection, peer, self._identity, deadline)
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
            self._greet(stranger, codec)

    def _greet(self, stranger: Stranger, codec: Codec) -> None:
        """It has proved itself: hear what it wants, if it fits to us."""
        channel = Channel(stranger.connection, codec, self._stamp, self.refusals)
        visitor = Visitor(channel, time.monotonic() + self._seconds)
        try:
            check_fit(self._identity, stranger.hello)
        except ProtocolError as error:
            self._refuse(visitor, error)
            return
        points.CHALLENGED.reach()
        self._visitors[channel.fileno()] = visitor
        self._selector.register(channel.fileno(), selectors.EVENT_READ)
        self._hear(visitor)

    def _hear(self, visitor: Visitor) -> None:
        try:
            if visitor.offer is not None:
                self._share(visitor, visitor.offer)
                return
            visitor.channel.receive(visitor)
            if visitor.guest is not None and visitor.guest.linked:
                self._leave(visitor)
                self.waiting.append(visitor.guest)
            elif visitor.introduction is not None and visitor.guest is None:
                with self._handing_over:
                    self._answer(visitor, visitor.introduction)
        except ProtocolError as error:
            self._leave(visitor)
            self._refuse(visitor, error)
        except LockstepError as error:
            self._leave(visitor)
            self._give_up(visitor, "hung_up", str(error))

    def _answer(self, visitor: Visitor, introduction: Introduction) -> None:
        points.ADMITS.reach()
        if introduction.number == LEAD:
            acceptance = self._reception.accept(introduction)
            visitor.guest = Guest(acceptance.number, visitor.channel, introduction)
            visitor.deadline = time.monotonic() + _SLOWER_JOINER * self._seconds
            answer = acceptance.to_bytes()
        elif not self._reception.knows(introduction.number) or len(self._peers) >= MAX_MEMBERS:
            raise ProtocolError(f"member {introduction.number} is not known here")
        elif introduction.meant != self.address:
            raise ProtocolError("this is the door of another member than the one that is meant", "door")
        else:
            answer = self._link(visitor, introduction.number)
        visitor.channel.queue(FrameKind.ACCEPTED, answer)
        visitor.channel.flush()
        points.ANSWERED.reach()

    def _link(self, visitor: Visitor, number: int) -> bytes:
        """Be linked with a member, by shared memory once its descriptors come, else over the connection."""
        here = visitor.channel.connection.family == socket.AF_UNIX
        offers = visitor.introduction is not None and visitor.introduction.shares_memory
        if here and offers and self._segment is not None:
            with contextlib.suppress(NoSharedMemory):
                visitor.offer = ShmOffer(self._segment)
                return SHARED
        if self._terms.transport == "shared_memory":
            raise ProtocolError("this member shares memory, and is not reached by TCP", "transport")
        self._leave(visitor)
        self._keep(Peer(number, TcpLink(visitor.channel), visitor.channel))
        return NOT_SHARED

    def _share(self, visitor: Visitor, offer: ShmOffer) -> None:
        """Exchange descriptors; ours go last, for the lead may let the other one in at once then."""
        number = visitor.introduction.number if visitor.introduction is not None else LEAD
        try:
            link = visitor.accept(offer)
        except BlockingIOError:
            return
        except (OSError, NoSharedMemory) as error:
            self._leave(visitor)
            self._give_up(visitor, "transport", str(error))
            return
        points.SHARED.reach()
        self._leave(visitor)
        self._keep(Peer(number, link, visitor.channel))
        with contextlib.suppress(OSError):  # then the other one has gone, which its connection says
            visitor.answer(offer)

    def _keep(self, peer: Peer) -> None:
        before, self._peers[peer.number] = self._peers.get(peer.number), peer
        if before is not None:
            before.close()

    def _refuse(self, visitor: Visitor, error: ProtocolError) -> None:
        """Tell one that has proved itself why it may not come."""
        self._note_refusal(visitor.channel.peer, error)
        visitor.channel.say_goodbye(str(error))
        self._give_up(visitor, error.refused, str(error))

    def _give_up(self, visitor: Visitor, refused: WhyRefused, reason: str) -> None:
        logger.debug("action=group_visitor_gone job=%s reason=%s", self._identity.job_id, reason)
        self.refusals.count(refused)
        if visitor.guest is not None:
            self._reception.forget(visitor.guest.number)
            peer = self.take_peer(visitor.guest.number)
            if peer is not None:
                peer.close()
        visitor.close()

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
        for stranger in [each for each in self._strangers.values() if each.deadline <= now]:
            self._turn_away(stranger, "late", "it did not prove itself in time")
        for visitor in [each for each in self._visitors.values() if each.deadline <= now]:
            self._leave(visitor)
            self._give_up(visitor, "late", "it did not say in time what it wants")

    def _turn_away(self, stranger: Stranger, refused: WhyRefused, reason: str) -> None:
        logger.debug("action=group_stranger_dropped job=%s reason=%s", self._identity.job_id, reason)
        self.refusals.count(refused)
        self._forget(stranger)
        stranger.close()

    def _forget(self, stranger: Stranger) -> None:
        del self._strangers[stranger.connection]
        self._selector.unregister(stranger.connection)

    def _leave(self, visitor: Visitor) -> None:
        """Hear it no more: it goes, or is somebody else's now."""
        if self._visitors.pop(visitor.channel.fileno(), None) is not None:
            self._selector.unregister(visitor.channel.fileno())
