"""The lead's side of a group over TCP. The lead alone decides who is a member.

A collective, from top to bottom: the lead computes its own blocks, gathers the helpers' while it sends the
totals back, decides who is a member from the next one on, and tells all in the COMMIT that ends this one.
"""

import logging
import select
import time
from collections.abc import Callable, Mapping

import numpy as np

from lockstep.core.group import Work
from lockstep.core.group.channel import Channel
from lockstep.core.group.door import Door
from lockstep.core.group.exchange import Exchange, Helper
from lockstep.core.group.figures import MemberFigures
from lockstep.core.group.frames import WELCOME, FrameKind, GroupPlace, Stamp
from lockstep.core.group.leaving import Left
from lockstep.core.group.membership import MembershipChange, next_members
from lockstep.core.group.reduction import CHUNK_BYTES, Reduction
from lockstep.core.group.solo import Alone
from lockstep.core.group.terms import GroupIdentity, Timeouts, patience

logger = logging.getLogger(__name__)

OnEvent = Callable[[str, Mapping[str, str | int]], None]


class TcpLead:
    """A group of one to which helpers may come. See Group.

    It listens on `host` at a port of its own, see `address`; `seats` is the most helpers at a time.
    `refusals` counts the strangers and frames that it refused.
    `on_event` is told "member_joined" {peer, rank, world_size, generation} and "member_left" {peer,
    rank, left, reason} (see core/group/leaving.py), in the thread that trains. All methods belong to that
    thread, but for `release`.
    """

    rank = 0

    def __init__(
        self, identity: GroupIdentity, host: str, seats: int, timeouts: Timeouts, on_event: OnEvent
    ) -> None:
        self._identity = identity
        self._seats = seats
        self._timeouts = timeouts
        self._on_event = on_event
        self._alone = Alone()
        self._stamp = Stamp()
        self._members: list[Helper] = []  # by rank, from 1; the lost ones too until a collective ends
        self._admitted: list[Helper] = []  # members from the next collective on that have no state yet
        self._to_release = 0
        self._reductions: dict[tuple[int, int, np.dtype], Reduction] = {}
        self._exchange = Exchange(self._note_loss)
        self._door = Door(identity, host, timeouts, lambda: seats - len(self._members))
        self.address = self._door.address
        self.refusals = self._door.refusals

    @property
    def world_size(self) -> int:
        """See Group."""
        return 1 + len(self._members)

    @property
    def generation(self) -> int:
        """See Group."""
        return self._stamp.generation

    def all_reduce(self, work: Work, out: np.ndarray, *, admits: bool) -> None:
        """See Group."""
        if self._members:
            self._reduce_together(work, out, admits=admits)
            return
        self._alone.reduce(work, out)
        if admits and self._door.waiting:
            self._end_collective(self._decide(admits=True))

    def welcome(self, state: Callable[[], bytes]) -> None:
        """See Group."""
        if self._admitted:
            self._send_state(state())

    def figures(self) -> tuple[MemberFigures, ...]:
        """The helpers, without their times."""
        return tuple(
            MemberFigures(
                rank=helper.rank, worker_id=helper.channel.peer, host="", role="helper", transport="tcp",
                generation=self.generation, joined_collective=0, shards=1, compute_seconds=0.0,
                exchange_seconds=0.0, waiting_seconds=0.0,
            )
            for helper in self._members
        )  # fmt: skip

    def release(self, count: int) -> None:
        """Let up to `count` helpers go at the end of the next collective.

        Any thread may call it; a new call replaces the last one. Nobody is let in at the same time.
        """
        self._to_release = min(count, len(self._members) + len(self._door.waiting))

    def close(self, reason: str) -> None:
        """See Group. Waits at most `close_seconds` for the helpers to go."""
        self._door.close()
        waiting = list(self._door.waiting)
        self._door.waiting.clear()
        leaving = [helper.channel for helper in self._exchange.helpers] + waiting
        deadline = time.monotonic() + self._timeouts.close_seconds
        _see_off([channel for channel in leaving if channel.say_goodbye(reason)], deadline)
        for helper in self._exchange.helpers:
            self._exchange.remove(helper)
        for channel in waiting:
            channel.close()
        self._members, self._admitted = [], []

    def _reduce_together(self, work: Work, out: np.ndarray, *, admits: bool) -> None:
        if self._admitted:
            raise RuntimeError("expected a call of welcome() after an all_reduce that admits")
        reduction = self._reduction(work)
        reduction.begin(out)
        started = time.monotonic()
        for rank in (self.rank, *(member.rank for member in self._members if member.lost)):
            for index in reduction.missing(rank):
                reduction.compute(index, work)
        exchanged = (len(reduction.blocks) + len(self._members)) * work.width * work.dtype.itemsize
        seconds = patience(self._timeouts.step_seconds, time.monotonic() - started, exchanged)
        last = self._exchange.collect(reduction, work, seconds)
        change = self._decide(admits=admits)
        self._announce(change, last)
        self._exchange.deliver(seconds)
        self._end_collective(change)

    def _reduction(self, work: Work) -> Reduction:
        key = (work.leaves, work.width, work.dtype)
        if key not in self._reductions:
            self._reductions[key] = Reduction(work, self.world_size)
        return self._reductions[key]

    def _decide(self, *, admits: bool) -> MembershipChange[Helper] | None:
        """Who is a member from the next collective on; None where nothing changes."""
        survivors = self._exchange.helpers
        may_come = admits and self._door.waiting
        if not may_come and not self._to_release and len(survivors) == len(self._members):
            return None
        joiners = [Helper(channel, rank=0) for channel in self._take_waiting()] if may_come else []
        change = next_members(survivors, joiners, self._seats, self._to_release)
        self._to_release = 0
        for helper in change.refused:
            helper.channel.say_goodbye("no seat is free")
            helper.channel.close()
        if not change.admitted and len(change.stay) == len(self._members):
            return None
        return change

    def _announce(self, change: MembershipChange[Helper] | None, last: memoryview) -> None:
        """End the collective: send the last chunk of the total, and to each helper its next place."""
        stay, generation, world_size = self._exchange.helpers, self.generation, self.world_size
        if change is not None:
            stay, generation = change.stay, generation + 1
            world_size = 1 + len(stay) + len(change.admitted)
            for helper in change.released:
                helper.channel.queue(FrameKind.OVER, b"released by the lead")
        for rank, helper in enumerate(stay, start=1):
            helper.channel.queue(FrameKind.COMMIT, last, GroupPlace(generation, rank, world_size))

    def _take_waiting(self) -> list[Channel]:
        """Those who wait at the door and have not gone away meanwhile."""
        present = []
        while self._door.waiting:
            channel = self._door.waiting.popleft()
            if channel.is_quiet():
                present.append(channel)
            else:
                channel.close()
        return present

    def _end_collective(self, change: MembershipChange[Helper] | None) -> None:
        """Make so what was decided."""
        self._stamp.collective += 1
        if change is None:
            return
        for helper in change.released:
            if not helper.lost:
                self._exchange.remove(helper)
                self._note_leaving(helper, "released", "released by the lead")
        self._stamp.generation += 1
        self._reductions.clear()
        self._members = [*change.stay, *change.admitted]
        for rank, helper in enumerate(self._members, start=1):
            helper.rank = rank
        self._admitted = list(change.admitted)
        for helper in self._admitted:
            self._exchange.add(helper)
            self._on_event(
                "member_joined",
                {
                    "peer": helper.channel.peer,
                    "worker_id": helper.channel.peer,
                    "host": helper.channel.peer.rpartition(":")[0],
                    "rank": helper.rank,
                    "world_size": self.world_size,
                    "generation": self.generation,
                },
            )

    def _send_state(self, state: bytes) -> None:
        """Send the state, and where in the job it belongs, to those who were let in."""
        view = memoryview(state)
        for helper in self._admitted:
            place = GroupPlace(self.generation, helper.rank, self.world_size)
            helper.channel.queue(FrameKind.WELCOME, WELCOME.pack(self._stamp.collective, len(state)), place)
            for start in range(0, len(state), CHUNK_BYTES):
                helper.channel.queue(FrameKind.STATE, view[start : start + CHUNK_BYTES])
        self._exchange.deliver(patience(self._timeouts.step_seconds, 0.0, len(state) * len(self._admitted)))
        for helper in self._admitted:
            helper.channel.stamp = self._stamp
        self._admitted = []

    def _note_loss(self, helper: Helper, left: Left, reason: str) -> None:
        logger.warning(
            "action=group_member_lost job=%s attempt=%d peer=%s rank=%d left=%s reason=%s",
            self._identity.job_id,
            self._identity.attempt,
            helper.channel.peer,
            helper.rank,
            left,
            reason,
        )
        self._note_leaving(helper, left, reason)

    def _note_leaving(self, helper: Helper, left: Left, reason: str) -> None:
        data: dict[str, str | int] = {
            "peer": helper.channel.peer,
            "worker_id": helper.channel.peer,
            "rank": helper.rank,
            "left": left,
            "reason": reason,
        }
        self._on_event("member_left", data)


def _see_off(channels: list[Channel], deadline: float) -> None:
    """Wait until all peers have closed, or the deadline."""
    remaining = {channel.fileno(): channel for channel in channels}
    poll = select.poll()
    for descriptor in remaining:
        poll.register(descriptor, select.POLLIN)
    while remaining:
        ready = poll.poll(max(0.0, (deadline - time.monotonic()) * 1000))
        if not ready:
            return
        for descriptor, _ in ready:
            if remaining[descriptor].drain():
                poll.unregister(descriptor)
                del remaining[descriptor]
