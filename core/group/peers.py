"""The other members as one member has them: their links, and waiting for what comes over them.

It decides nothing: who is lost is noted at the peer, for the caller to act on.
"""

import select
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.leaving import Left
from lockstep.core.group.links import Link
from lockstep.core.group.waiting import Waiter


class Watched(NamedTuple):
    """What to wait for at a descriptor (events of `poll`), and what to do then."""

    events: int
    serve: Callable[[], object]


class _NoFrames:
    """A Sink for a connection that says one thing only: that the peer has gone."""

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:  # noqa: ARG002 - as Sink
        """See Sink."""
        raise ProtocolError(f"a frame {kind.name} may not come beside shared memory")

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:
        """See Sink; never called."""
        raise ProtocolError(f"a frame {kind.name} came at {stamp}")


@dataclass(slots=True, eq=False)
class Peer:
    """Another member. `channel` is the connection that its link is made of, or stands beside.

    `lost` says why nothing more comes from it, in a sentence and in a word.
    """

    number: int
    link: Link
    channel: Channel
    lost: tuple[str, Left] | None = None

    @property
    def shares_memory(self) -> bool:
        """Whether the link is shared memory."""
        return self.link.transport == "shared_memory"

    def look(self) -> bool:
        """Take in what has come over the link; whether anything has."""
        if self.lost is not None:
            return False
        try:
            return self.link.look()
        except LockstepError as error:
            self.note(error)
            return True

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something with the link, which may turn out to be lost."""
        if self.lost is None:
            try:
                action()
            except LockstepError as error:
                self.note(error)

    def note(self, error: LockstepError) -> None:
        """Nothing more will come."""
        self.lost = (str(error), error.left if isinstance(error, PeerLost) else "cut")

    def watched(self) -> Iterable[tuple[int, Watched]]:
        """What to wait for while `look` brings nothing."""
        if self.lost is not None:
            return
        for descriptor, events in self.link.descriptors():
            if events:
                yield descriptor, Watched(events, self.look)
        if self.shares_memory:
            yield self.channel.fileno(), Watched(select.POLLIN, self._look_beside)

    def close(self) -> None:
        """Close the link. May be called again."""
        self.link.close()
        self.channel.close()

    def _look_beside(self) -> None:
        self.attempt(lambda: self.channel.receive(_NoFrames()))


class Ear:
    """Waits for what comes from several peers and connections."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._masks: dict[int, int] = {}
        self._waiter = Waiter(spins=False)

    def may_spin(self, *, spins: bool) -> None:
        """Whether to look for a moment before sleeping."""
        self._waiter = Waiter(spins=spins)

    def hear(self, peers: Iterable[Peer], others: Mapping[int, Watched], deadline: float) -> bool:
        """Wait, and let whoever is ready be served. False if nobody was before `deadline`."""
        watched = dict(others)
        shared = []
        for peer in peers:
            watched.update(peer.watched())
            if peer.shares_memory:
                shared.append(peer)
        self._turn_to(watched)
        came = False

        def look() -> bool:
            nonlocal came
            came = any([peer.look() for peer in shared])  # noqa: C419 - each has to look
            return came

        ready = self._waiter.wait(self._poll, deadline, look)
        for descriptor, _ in ready:
            watched[descriptor].serve()
        return came or bool(ready)

    def _turn_to(self, watched: Mapping[int, Watched]) -> None:
        masks = self._masks
        for descriptor in [old for old in masks if old not in watched]:
            self._poll.unregister(descriptor)
            del masks[descriptor]
        for descriptor, (events, _) in watched.items():
            if masks.get(descriptor) != events:
                self._poll.register(descriptor, events)
                masks[descriptor] = events
