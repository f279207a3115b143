"""A helper's side of a group over TCP: it computes its blocks, sends their sums, takes the total.

It decides nothing. Whatever goes wrong, its state is worth nothing any more and the lead goes on without it.
"""

import os
import select
import socket
import time
from collections.abc import Callable

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.shards import Block, blocks_of
from lockstep.core.group import LeadLost, Released, Work
from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.frames import (
    MAX_REASON_BYTES,
    NO_PLACE,
    WELCOME,
    FrameKind,
    GroupPlace,
    ProtocolError,
    Stamp,
)
from lockstep.core.group.handshake import (
    CHALLENGE_BYTES,
    NONCE_BYTES,
    OPENING_BYTES,
    VERSION,
    answer_challenge,
    check_opening,
    make_hello,
)
from lockstep.core.group.reduction import CHUNK_BYTES, Vector
from lockstep.core.group.refusals import Refusals
from lockstep.core.group.terms import GroupIdentity, Timeouts, patience
from lockstep.core.group.waiting import wait

_SECONDS_BETWEEN_LOOKS = 0.25  # at `leave`, while it waits to be let in
_NOTHING = memoryview(bytearray())


class _Script:
    """A Sink for what the lead may send next: the frames that are to come, in order, or a goodbye."""

    def __init__(self) -> None:
        self.expected: list[tuple[FrameKind, memoryview]] = []
        self._next = 0
        self._reason = _NOTHING

    def begin(self, expected: list[tuple[FrameKind, memoryview]]) -> None:
        """Expect these frames, each with the place of its payload."""
        self.expected = expected
        self._next = 0

    @property
    def done(self) -> bool:
        """Whether all of them have come."""
        return self._next == len(self.expected)

    def place(self, kind: FrameKind, length: int) -> memoryview:
        """See Sink."""
        if not self.done and kind is self.expected[self._next][0]:
            return self.expected[self._next][1]
        if kind is FrameKind.OVER and length <= MAX_REASON_BYTES:
            self._reason = memoryview(bytearray(length))
            return self._reason
        raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")

    def arrived(self, kind: FrameKind) -> bool:
        """See Sink. Raises Released where the lead says goodbye."""
        if kind is FrameKind.OVER:
            raise Released(str(self._reason, errors="replace"))
        self._next += 1
        return not self.done


class _Parts:
    """This member's blocks in one kind of work, with a vector for each, and what the lead sends in return.

    Block 0 lives in `out`: the total of a chunk comes only after the lead has had that chunk from us.
    """

    def __init__(self, work: Work, rank: int, world_size: int, out: np.ndarray) -> None:
        self.out = out
        total = Vector(out)
        self.blocks: list[tuple[Block, Vector]] = []
        for block in blocks_of(rank, world_size, work.leaves):
            vector = Vector(np.empty(work.width, work.dtype)) if self.blocks else total
            self.blocks.append((block, vector))
        self.reply = [(FrameKind.TOTAL, view) for view in total.views[:-1]] + [
            (FrameKind.COMMIT, total.views[-1])
        ]
        self.bytes = (len(self.blocks) + 1) * out.nbytes


class TcpHelper:
    """A member that came to help. See Group; made by `join`."""

    def __init__(self, channel: Channel, timeouts: Timeouts, refusals: Refusals) -> None:
        self._channel = channel
        self.refusals = refusals
        self._timeouts = timeouts
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        self._script = _Script()
        self._parts: dict[tuple[int, int, np.dtype], _Parts] = {}
        self._place = NO_PLACE
        self.state = b""

    @staticmethod
    def join(
        identity: GroupIdentity,
        address: tuple[str, int],
        timeouts: Timeouts,
        leave: Callable[[], bool] = lambda: False,
    ) -> "TcpHelper":
        """Knock at the lead's door and wait, for `lead_seconds` at most, until it lets us in.

        `state` then holds what the lead's `welcome` sent. `leave` is asked a few times a second whether
        to give up waiting. Raises Released where the lead does not want us or `leave` says so, LeadLost
        where it cannot be reached, does not answer, or is not who it should be.
        """
        refusals = Refusals()
        channel = _connect(identity, address, timeouts.handshake_seconds, refusals)
        helper = TcpHelper(channel, timeouts, refusals)
        try:
            helper._enter(leave)
        except BaseException:
            channel.close()
            raise
        return helper

    @property
    def generation(self) -> int:
        """See Group."""
        return self._place.generation

    @property
    def rank(self) -> int:
        """See Group."""
        return self._place.rank

    @property
    def world_size(self) -> int:
        """See Group."""
        return self._place.world_size

    def all_reduce(self, work: Work, out: np.ndarray, *, admits: bool) -> None:  # noqa: ARG002 - the lead's choice
        """See Group. Raises Released or LeadLost, after which the group is closed."""
        parts = self._parts_of(work, out)
        self._script.begin(parts.reply)
        started = time.monotonic()
        for block, vector in parts.blocks:
            if work.partial(block, vector.whole):
                for view in vector.views:
                    self._channel.queue(FrameKind.PARTIAL, view)
                    self._flush()
            else:
                self._channel.queue(FrameKind.EMPTY)
                self._flush()
        # The lead may have to wait for another helper, and then to compute its part.
        rounds = 1 + self.world_size
        own_seconds = time.monotonic() - started
        self._await(patience(self._timeouts.lead_seconds, rounds * own_seconds, rounds * parts.bytes))
        self._take_place(self._channel.place, self._channel.stamp.collective + 1)

    def welcome(self, state: Callable[[], bytes]) -> None:
        """See Group; the lead's business."""

    def close(self, reason: str) -> None:
        """See Group. The lead computes our part itself from now on."""
        self._channel.say_goodbye(reason)
        self._channel.close()

    def _enter(self, leave: Callable[[], bool]) -> None:
        """Wait to be accepted, to be let in, and for the state."""
        self._script.begin([(FrameKind.ACCEPTED, _NOTHING)])
        self._await(self._timeouts.handshake_seconds)
        welcome = memoryview(bytearray(WELCOME.size))
        self._script.begin([(FrameKind.WELCOME, welcome)])
        self._await(self._timeouts.lead_seconds, leave)
        collective, size = WELCOME.unpack(welcome)
        place = self._channel.place
        state = bytearray(size)
        view = memoryview(state)
        chunks = [view[start : start + CHUNK_BYTES] for start in range(0, size, CHUNK_BYTES)]
        self._script.begin([(FrameKind.STATE, chunk) for chunk in chunks])
        self._await(patience(self._timeouts.lead_seconds, 0.0, size), leave)
        self.state = bytes(state)
        self._take_place(place, collective)

    def _take_place(self, place: GroupPlace, collective: int) -> None:
        """Take our place in the collective that comes next."""
        if place != self._place:
            self._parts.clear()
            self._place = place
        stamp = self._channel.stamp
        stamp.generation, stamp.collective = place.generation, collective

    def _parts_of(self, work: Work, out: np.ndarray) -> _Parts:
        key = (work.leaves, work.width, work.dtype)
        parts = self._parts.get(key)
        if parts is None or parts.out is not out:
            parts = self._parts[key] = _Parts(work, self.rank, self.world_size, out)
        return parts

    def _flush(self) -> None:
        """Send what the kernel takes now. If the lead has hung up, what it said last may still be read."""
        try:
            self._channel.flush()
        except PeerLost:
            self._channel.abandon_pending()

    def _await(self, seconds: float, leave: Callable[[], bool] | None = None) -> None:
        """Send on and read until the script is done. Raises Released or LeadLost, with the channel closed."""
        deadline = time.monotonic() + seconds
        try:
            if self._channel.has_read_ahead:
                self._channel.receive(self._script)
            while not self._script.done:
                self._turn(deadline, seconds, leave)
        except LockstepError as error:
            self._channel.close()
            if isinstance(error, Released | LeadLost):
                raise
            raise LeadLost(f"the lead is lost: {error}") from error

    def _turn(self, deadline: float, seconds: float, leave: Callable[[], bool] | None) -> None:
        now = time.monotonic()
        if now >= deadline:
            raise LeadLost(f"expected to hear from the lead within {seconds:.1f} s, it was silent")
        if leave is not None:
            if leave():
                raise Released("gave up waiting to be let in")
            deadline = min(deadline, now + _SECONDS_BETWEEN_LOOKS)
        mask = select.POLLIN | select.POLLOUT if self._channel.has_pending else select.POLLIN
        self._poll.modify(self._channel.fileno(), mask)
        for _, events in wait(self._poll, deadline):
            if events & select.POLLOUT:
                self._flush()
            if events & ~select.POLLOUT:
                self._channel.receive(self._script)


def _connect(
    identity: GroupIdentity, address: tuple[str, int], seconds: float, refusals: Refusals
) -> Channel:
    """Connect and do the helper's half of the handshake. Raises LeadLost."""
    deadline = time.monotonic() + seconds
    try:
        connection = socket.create_connection(address, timeout=seconds)
    except OSError as error:
        raise LeadLost(f"cannot reach the lead at {address[0]}:{address[1]}: {error}") from error
    try:
        hello = make_hello(identity, os.urandom(NONCE_BYTES))
        connection.sendall(hello)
        opening = _receive(connection, OPENING_BYTES, deadline)
        check_opening(opening)
        rest = _receive(connection, CHALLENGE_BYTES - OPENING_BYTES, deadline)
        proof, codec = answer_challenge(identity, hello, opening + rest)
        connection.sendall(proof)
        return Channel(connection, codec, Stamp(), refusals)
    except (OSError, ProtocolError) as error:
        connection.close()
        if isinstance(error, ProtocolError):
            refusals.count(error.refused)
        raise LeadLost(f"no handshake with {address[0]}:{address[1]}: {error}") from error


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Exactly so many bytes, before the deadline."""
    received = b""
    while len(received) < size:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError(
                f"the lead hung up (one of group protocol 1 does so; this one speaks {VERSION})"
            )
        received += part
    return received
