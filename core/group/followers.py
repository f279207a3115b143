"""A helper as the lead has it: its control channel, what it said there, and its link."""

import select
from collections.abc import Mapping, Sequence

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.channel import PeerLost
from lockstep.core.group.door import Door
from lockstep.core.group.figures import MemberFigures
from lockstep.core.group.frames import MAX_REASON_BYTES, FrameKind, ProtocolError, Stamp
from lockstep.core.group.guests import Guest
from lockstep.core.group.leaving import left_with
from lockstep.core.group.messages import BLAME, FIGURES, Blame
from lockstep.core.group.peers import Peer, Watched
from lockstep.core.group.reception import Reception


class Follower:
    """See above. As a Sink it takes what a helper may say to the lead. `blames` is for the lead to act on."""

    def __init__(self, guest: Guest, peer: Peer) -> None:
        self.guest = guest
        self.control = guest.channel
        self.peer = peer
        self.joined_collective = 0
        self.seconds = (0.0, 0.0, 0.0)
        self.blames: list[Blame] = []
        self._said = memoryview(bytearray())

    @property
    def name(self) -> str:
        """Where its door is, for people: no two have the same."""
        return "{}:{}".format(*self.guest.introduction.door)

    @property
    def told(self) -> dict[str, str]:
        """Who it is, as events say it."""
        said = self.guest.introduction
        return {"peer": self.name, "worker_id": said.worker_id, "host": said.host}

    def is_linked_with(self, other: "Follower") -> bool:
        """Whether one of the two has knocked at the other's door."""
        return other.number in self.guest.linked or self.number in other.guest.linked

    def joined(self, stamp: Stamp) -> None:
        """Note where it begins."""
        self.joined_collective = stamp.collective

    def figures(self, rank: int, generation: int, shards: int) -> MemberFigures:
        """What is known of it."""
        computing, exchanging, waiting = self.seconds
        return MemberFigures(
            rank=rank,
            worker_id=self.guest.introduction.worker_id,
            host=self.guest.introduction.host,
            role="helper",
            transport=self.peer.link.transport,
            generation=generation,
            joined_collective=self.joined_collective,
            shards=shards,
            compute_seconds=computing,
            exchange_seconds=exchanging,
            waiting_seconds=waiting,
        )

    @property
    def number(self) -> int:
        """The helper's number."""
        return self.peer.number

    def say(self, kind: FrameKind, payload: bytes | memoryview = b"") -> None:
        """Send a frame, now as far as the kernel takes it; what is left goes while the lead waits."""
        self.control.queue(kind, payload)
        self.send()

    def send(self) -> None:
        """Send what waits to be sent."""
        self.peer.attempt(self.control.flush)

    def look(self) -> None:
        """Take in what it has said, and send what waits."""
        self.send()
        self.peer.attempt(lambda: self.control.receive(self))

    def look_last(self) -> None:
        """Its link is lost: it may have said why."""
        try:
            self.control.receive(self)
        except PeerLost as error:
            if "it left" in str(error):
                self.peer.note(error)
        except LockstepError:
            pass

    def watched(self) -> Mapping[int, Watched]:
        """What to wait for."""
        if self.peer.lost is not None:
            return {}
        mask = select.POLLIN | select.POLLOUT if self.control.has_pending else select.POLLIN
        return {self.control.fileno(): Watched(mask, self.look)}

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview:  # noqa: ARG002 - as Sink
        """See Sink."""
        sizes = {FrameKind.FIGURES: FIGURES.size, FrameKind.BLAME: BLAME.size}
        may_come = length <= MAX_REASON_BYTES if kind is FrameKind.OVER else kind in sizes
        if not may_come:
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self._said = memoryview(bytearray(sizes.get(kind, length)))
        return self._said

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:  # noqa: ARG002 - as Sink
        """See Sink. Raises PeerLost where the helper says goodbye."""
        if kind is FrameKind.OVER:
            goodbye = str(self._said, errors="replace")
            raise PeerLost(f"it left: {goodbye}", left_with(goodbye))
        if kind is FrameKind.FIGURES:
            self.seconds = FIGURES.unpack(self._said)
        else:
            self.blames.append(Blame(*BLAME.unpack(self._said)))
        return True

    def close(self) -> None:
        """Close all that leads to it. May be called again."""
        self.control.close()
        self.peer.close()


def figures_of(followers: Sequence[Follower], generation: int, shards: Sequence[int]) -> list[MemberFigures]:
    """What is known of each, by rank from 1."""
    return [
        follower.figures(rank, generation, shards[rank - 1])
        for rank, follower in enumerate(followers, start=1)
    ]


def all_share(followers: Sequence[Follower]) -> bool:
    """Whether every pair of members, and there are some, shares memory."""
    return bool(followers) and all(follower.guest.all_shared for follower in followers)


def take_waiting(door: Door, reception: Reception) -> list[Follower]:
    """Those who wait at the door and have not gone away meanwhile."""
    present = []
    while door.waiting:
        guest = door.waiting.popleft()
        peer = door.take_peer(guest.number)
        if peer is not None and guest.channel.is_quiet():
            present.append(Follower(guest, peer))
            continue
        reception.forget(guest.number)
        guest.channel.close()
        if peer is not None:
            peer.close()
    return present
