"""The lead's side of a group. The lead alone decides who is a member, and when a collective is committed."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from lockstep.core.group import DividedUpdate, Work, points
from lockstep.core.group.channel import Channel
from lockstep.core.group.door import Door
from lockstep.core.group.farewell import see_off
from lockstep.core.group.figures import MemberFigures, figures_of_lead, shards_of_each
from lockstep.core.group.followers import Follower, all_share, figures_of, take_waiting
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES, FrameKind
from lockstep.core.group.herald import Herald, OnEvent
from lockstep.core.group.leaving import DISMISSED
from lockstep.core.group.links import Milestone
from lockstep.core.group.member import Member, Redo
from lockstep.core.group.membership import MembershipChange, next_members, only_linked
from lockstep.core.group.memory import own_memory
from lockstep.core.group.messages import LEAD, REGROUP, WELCOME, Blame, pack_numbers
from lockstep.core.group.peers import Peer, Watched
from lockstep.core.group.reception import LeadsReception
from lockstep.core.group.resending import LastTotal
from lockstep.core.group.solo import Alone
from lockstep.core.group.terms import GroupTerms, patience

BLAME_SECONDS = 0.1
"""How much longer the lead waits for totals than helpers for each other: they say first who is late."""


class GroupLead(Member):
    """A group of one to which helpers may come. See Group.

    It listens at `address`; `seats` is the most helpers at a time. `refusals` counts the strangers and frames
    that it refused. `on_event` is told "member_joined" {peer, rank, world_size, generation} and "member_left"
    {peer, rank, left, reason} (see leaving.py), in the thread that trains. All methods belong to that thread,
    but for `release` and `figures`; `waiting` are those at the door. Raises OSError where it cannot listen.
    """

    _grace = BLAME_SECONDS

    def __init__(self, terms: GroupTerms, seats: int, on_event: OnEvent) -> None:
        arena, segment = own_memory(terms.transport)
        super().__init__(terms, arena)
        self._seats = seats
        self._herald = Herald(terms.identity, on_event)
        self._alone, self._last = Alone(), LastTotal()
        self._followers: list[Follower] = []
        self._admitted: list[Follower] = []  # members from the next collective on that have no state yet
        self._leaving: list[Channel] = []  # of those let go, until they have closed
        self._change: MembershipChange[Follower] | None = None
        self._may_admit = False
        self._to_release = 0
        self._work: Work | None = None
        self._reception = LeadsReception(seats)
        self._door = Door(terms, self._reception, segment, self._stamp)
        self.address = self._door.address
        self._reception.open(self.address)
        self.refusals, self.waiting = self._door.refusals, self._door.waiting

    def all_reduce(
        self, work: Work, out: np.ndarray, *, admits: bool, update: DividedUpdate | None = None
    ) -> bool:
        """See Group. By itself it is as quick as a group of one: a step may take some µs."""
        self._work = work
        if not (self._followers or self._leaving or self._to_release or self.waiting):
            self._alone.reduce(work, out)
            self._stamp.collective += 1
            return False
        if self._admitted:
            raise RuntimeError("expected a call of welcome() after an all_reduce that admits")
        self._may_admit = admits
        while not self._reduced(work, out, update):
            pass
        divided = update is not None and self._all_share
        self._stamp.collective += 1
        self._make_so()
        return divided

    def _reduced(self, work: Work, out: np.ndarray, update: DividedUpdate | None) -> bool:
        """Do the collective, alone or with the members that are left; False where it has to be done again."""
        self._drop_the_lost()
        if not self._followers:
            self._alone.reduce(work, out)
            self._ended_at = time.monotonic()
            if self._may_admit and self._door.waiting:
                self._change = self._decide()
            return True
        try:
            self._together(work, out, update)
        except Redo:
            return False
        # Where all memory is shared, no helper comes to lack what another one has offered.
        if len(self._followers) > 1 and not self._all_share:
            self._last.keep(out, self._stamp.collective)
        return True

    def welcome(self, state: Callable[[], bytes]) -> None:
        """See Group."""
        if not self._admitted:
            return
        message = memoryview(state())
        for follower in self._admitted:
            numbers = pack_numbers(self._numbers)
            place = WELCOME.pack(
                self._stamp.generation, self._stamp.collective, len(message), self._all_share
            )
            follower.say(FrameKind.WELCOME, place + numbers)
            points.SENDS_STATE.reach()
            for start in range(0, len(message), MAX_PAYLOAD_BYTES):
                follower.say(FrameKind.STATE, message[start : start + MAX_PAYLOAD_BYTES])
        seconds = patience(self._terms.timeouts.step_seconds, 0.0, len(message) * len(self._admitted))
        self._deliver(self._admitted, seconds)
        points.SENT_STATE.reach()
        self._admitted = []

    def _deliver(self, followers: list[Follower], seconds: float) -> None:
        """Send all that waits to be sent; whoever does not take it in time is lost."""
        deadline = time.monotonic() + seconds
        while waiting := [f for f in followers if f.control.has_pending and f.peer.lost is None]:
            if not self._ear.hear([], self._others(), deadline):
                for follower in waiting:
                    follower.peer.lost = (f"it did not read what it was sent for {seconds:.1f} s", "late")

    def release(self, count: int) -> None:
        """Let up to `count` helpers go at the end of the next collective.

        Any thread may call it; a new call replaces the last one. Nobody is let in at the same time.
        """
        self._to_release = min(count, len(self._followers) + len(self._door.waiting))

    def dismiss(self) -> None:
        """Amid a collective, for a work's `look_up`: let a helper go at once; the others do its part."""
        for leaver in self._followers[-1:]:
            self._to_release -= bool(self._to_release)
            leaver.control.say_goodbye(DISMISSED)
            leaver.peer.lost = leaver.peer.lost or (DISMISSED, "released")
            raise Redo(DISMISSED)

    def figures(self) -> tuple[MemberFigures, ...]:
        """What is known of each member, in order of rank. Any thread may call it.

        The time that the lead is by itself is not in it: nobody else was waiting.
        """
        followers, work = tuple(self._followers), self._work
        shares = shards_of_each(1 if work is None else work.leaves, 1 + len(followers))
        lead = figures_of_lead(self._terms, self._times, self.generation, shares[0])
        return (lead, *figures_of(followers, self.generation, shares[1:]))

    def close(self, reason: str) -> None:
        """See Group. Waits at most `close_seconds` for the helpers to go."""
        self._door.close()
        controls = [follower.control for follower in self._followers if follower.peer.lost is None]
        controls += [guest.channel for guest in self._door.waiting]
        self._door.waiting.clear()
        deadline = time.monotonic() + self._terms.timeouts.close_seconds
        leaving = [control for control in controls if control.say_goodbye(reason)]
        see_off([*leaving, *self._leaving], deadline)
        for channel in (*controls, *self._leaving):
            channel.close()
        for follower in self._followers:
            follower.close()
        self._followers, self._admitted, self._leaving, self._peers = [], [], [], []
        self._numbers = (LEAD,)
        self._arena.close()

    # Who is a member.

    def _drop_the_lost(self) -> None:
        """Go on without those who are lost, in a new generation."""
        while lost := [follower for follower in self._followers if follower.peer.lost is not None]:
            points.DROPS.reach()
            for follower in lost:
                follower.look_last()
                self._herald.lost(follower, self._numbers.index(follower.number))
                self._forget(follower)
            self._take_seats([follower for follower in self._followers if follower not in lost])
            for follower in self._followers:
                follower.say(FrameKind.REGROUP, self._regrouping(self._stamp.collective))
                points.REGROUPED.reach()

    def _take_seats(self, followers: list[Follower]) -> None:
        self._followers = followers
        numbers = (LEAD, *(follower.number for follower in followers))
        peers = [follower.peer for follower in followers]
        self._seat(self._stamp.generation + 1, numbers, peers, LEAD)
        self._all_share = all_share(followers)

    def _regrouping(self, collective: int) -> bytes:
        return REGROUP.pack(self._stamp.generation, collective, self._all_share) + pack_numbers(self._numbers)

    def _decide(self) -> MembershipChange[Follower] | None:
        """Who is a member from the next collective on; None where nothing changes."""
        survivors = [follower for follower in self._followers if follower.peer.lost is None]
        may_come = self._may_admit and bool(self._door.waiting)
        if not may_come and not self._to_release:
            return None
        joiners = take_waiting(self._door, self._reception) if may_come else []
        change = next_members(survivors, joiners, self._seats, self._to_release)
        self._to_release = 0
        for follower in change.refused:
            self._refuse(follower, "no seat is free")
        change = only_linked(change, Follower.is_linked_with)
        for follower in change.refused:
            self._refuse(follower, "it is not linked with all members")
        if not change.admitted and not change.released:
            return None
        return change

    def _refuse(self, follower: Follower, reason: str) -> None:
        follower.control.say_goodbye(reason)
        self._forget(follower)

    def _forget(self, follower: Follower) -> None:
        self._reception.forget(follower.number)
        follower.close()

    def _make_so(self) -> None:
        """Make so what was decided with the commit."""
        change, self._change = self._change, None
        for channel in [channel for channel in self._leaving if channel.drain()]:
            channel.close()
            self._leaving.remove(channel)
        if change is None:
            return
        for follower in change.released:
            self._herald.released(follower, self._numbers.index(follower.number))
            self._reception.forget(follower.number)
            follower.peer.close()
            self._leaving.append(follower.control)
        lost = [follower for follower in self._followers if follower not in (*change.stay, *change.released)]
        for follower in lost:
            follower.look_last()
            self._herald.lost(follower, self._numbers.index(follower.number))
            self._forget(follower)
        was_alone = not self._followers
        points.LETS_IN.reach()
        self._take_seats([*change.stay, *change.admitted])
        if was_alone:
            self._publish_arrival()
        self._admitted = list(change.admitted)
        for follower in self._admitted:
            follower.joined(self._stamp)
            rank = self._numbers.index(follower.number)
            self._herald.joined(follower, rank, self.world_size, self.generation)

    # See Member.

    def _others(self) -> Mapping[int, Watched]:
        watched: dict[int, Watched] = {}
        for follower in self._followers:
            watched.update(follower.watched())
        return watched

    def _check(self, lacked: list[Peer]) -> None:
        while accusers := [follower for follower in self._followers if follower.blames]:
            self._judge(accusers[0], accusers[0].blames.pop(0))
        if any(peer.lost is not None for peer in lacked):
            raise Redo("a member is lost")

    def _judge(self, accuser: Follower, blame: Blame) -> None:
        """A helper lacks something of another one. Raises Redo where this collective can't be done so."""
        now = (self._stamp.generation, self._stamp.collective)
        if blame.collective == self._stamp.collective - 1:
            self._last.send(accuser, blame.collective)
        for accused in self._followers:
            if accused.number == blame.number and blame.generation == self._stamp.generation:
                if accused.peer.lost is None:
                    accused.look()
                if accused.peer.lost is None:
                    accused.peer.lost = (f"its connection to {accuser.name} broke", "cut")
                if (blame.generation, blame.collective) == now:
                    raise Redo("a helper has lost another one")

    def _wait_longer(self, lacked: list[Peer], seconds: float) -> float:
        for peer in lacked:
            if peer.lost is None:
                peer.lost = (f"its part was not there after {seconds:.1f} s", "late")
        return time.monotonic()

    def _commit(self) -> None:
        points.COMMITS.reach()
        self._change = change = self._decide()
        if change is not None:
            numbers = (LEAD, *(follower.number for follower in (*change.stay, *change.admitted)))
            shared = all_share([*change.stay, *change.admitted])
            place = REGROUP.pack(self._stamp.generation + 1, self._stamp.collective + 1, shared)
            for follower in change.stay:
                follower.say(FrameKind.REGROUP, place + pack_numbers(numbers))
            for follower in change.released:
                follower.control.say_goodbye("released by the lead")
        for follower in self._followers if change is None else change.stay:
            if not follower.peer.shares_memory:
                follower.say(FrameKind.COMMIT)
        self._arena.publish(self._stamp, Milestone.COMMITTED)
        points.COMMITTED.reach()

    def _confirm(self, seconds: float) -> None:
        """Nothing to wait for: the commit was ours."""
