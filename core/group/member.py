"""What all members do alike: the course of a collective.

Every member computes its blocks, offers them, adds its slice of all, offers that, and takes the others'. The
lead commits once it has had all of it from everybody who is left; nobody goes on before. So nobody is ever
ahead of a commit: a collective that is not committed is done again by all, in a new generation of members; of
one that is, each can get all it lacks.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.interruption import LookUp
from lockstep.core.group import DividedUpdate, Work, points
from lockstep.core.group.dividing import DividedRound
from lockstep.core.group.figures import Stopwatch
from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Arena, Lane, Link, Milestone
from lockstep.core.group.messages import LEAD
from lockstep.core.group.pace import Pace
from lockstep.core.group.peers import Ear, Peer, Watched
from lockstep.core.group.round import Round
from lockstep.core.group.terms import GroupTerms
from lockstep.core.group.waiting import may_spin

SECONDS_BETWEEN_LOOKS = 0.1
"""How often a member that waits for others asks whether it is to stop."""

There = Callable[[Peer, Lane], bool]
_WorkKey = tuple[int, int, np.dtype, bool]


class Redo(LockstepError):
    """The members have changed before the collective was committed: do it again."""


class Member(ABC):
    """One member's side of a collective; what the lead and a helper do otherwise are the methods at the end.

    `_numbers` are the members' in order of rank, `_peers` the others in the same order.
    """

    def __init__(self, terms: GroupTerms, arena: Arena) -> None:
        self._terms = terms
        self._arena = arena
        self._stamp = Stamp()
        self._numbers: tuple[int, ...] = (LEAD,)
        self._rank = 0
        self._peers: list[Peer] = []
        self._rounds: dict[_WorkKey, Round] = {}
        self._paces: dict[_WorkKey, Pace] = {}
        self._all_share = False  # memory, every pair of members
        self._divided: DividedRound | None = None
        self._ear = Ear()
        self._times = Stopwatch()
        self._ended_at = time.monotonic()
        self._look_up: LookUp | None = None

    @property
    def rank(self) -> int:
        """See Group."""
        return self._rank

    @property
    def world_size(self) -> int:
        """See Group."""
        return len(self._numbers)

    @property
    def generation(self) -> int:
        """See Group."""
        return self._stamp.generation

    def _seat(self, generation: int, numbers: tuple[int, ...], peers: list[Peer], own: int) -> None:
        """Take our place, with the number `own`, in a new generation."""
        self._stamp.generation = generation
        self._numbers = numbers
        self._rank = numbers.index(own)
        self._peers = peers
        self._rounds.clear()
        self._paces.clear()
        self._divided = None
        here = 1 + sum(peer.shares_memory for peer in peers)
        self._ear.may_spin(spins=may_spin(here))

    def _publish_arrival(self) -> None:
        """Say that we need nothing of what came before the next collective."""
        if self._stamp.collective:
            before = Stamp(self._stamp.generation, self._stamp.collective - 1)
            self._arena.publish(before, Milestone.TAKEN)

    def _together(self, work: Work, out: np.ndarray, update: DividedUpdate | None) -> None:
        """Do the collective with the others, as the members are now. Raises Redo."""
        entered = time.monotonic()
        self._look_up = work.look_up
        divides = update is not None and self._all_share
        round_, pace = self._round(work, divides=divides)
        divided = self._divide(round_, out, update) if update is not None and divides else None
        points.BEGINS.reach()
        for lane in round_.lanes:
            lane.begin(self._stamp)
        most = self._terms.timeouts.step_seconds
        self._await(round_, lambda peer, _: peer.link.is_free_for(self._stamp), most)
        points.MAY_WRITE.reach()
        began = time.monotonic()
        present = round_.compute(work)
        points.COMPUTED.reach()
        now = time.monotonic()
        self._times.computing += now - began
        self._arena.publish(self._stamp, Milestone.PARTIALS, present)
        points.PUBLISHED.reach()
        for peer, lane in zip(self._peers, round_.lanes, strict=True):
            peer.attempt(partial(lane.offer_partials, present))
        points.OFFERED.reach()
        seconds = pace.patience(now - self._ended_at, round_.bytes)
        self._await(round_, _partials_came, seconds)
        points.GOT_PARTIALS.reach()
        if divided is not None:
            divided.advance()
            self._offer_total(round_, seconds)
            self._confirm(seconds)
            # Who goes on now writes nothing of what we take here before it has our next partial sums.
            self._arena.publish(self._stamp, Milestone.TAKEN)
            points.CONFIRMED.reach()
            divided.update.settle()
            points.TAKEN.reach()
        else:
            self._take_whole(round_, out, seconds)
            points.TAKEN.reach()
            self._arena.publish(self._stamp, Milestone.TAKEN)
            self._confirm(seconds)
            points.CONFIRMED.reach()
        now = time.monotonic()
        pace.took(now - self._ended_at)
        self._times.total += now - entered
        self._ended_at = now

    def _take_whole(self, round_: Round, out: np.ndarray, seconds: float) -> None:
        """Leave the total in `out`: everything added here, or the own slice here and the others by them."""
        if round_.is_whole:
            self._commit()
            round_.add(out)
        else:
            round_.add(out)
            self._offer_total(round_, seconds)
            round_.take_totals(out)

    def _offer_total(self, round_: Round, seconds: float) -> None:
        """Let the others have our slice, and wait for theirs."""
        points.ADDED.reach()
        self._arena.publish(self._stamp, Milestone.TOTAL)
        for peer, lane in zip(self._peers, round_.lanes, strict=True):
            peer.attempt(lane.offer_total)
        points.OFFERED_TOTAL.reach()
        self._await(round_, _total_came, seconds + self._grace)
        self._commit()
        points.GOT_TOTAL.reach()

    def _divide(self, round_: Round, out: np.ndarray, update: DividedUpdate) -> DividedRound:
        """Have the update know its members, before anybody goes on."""
        divided = self._divided
        if divided is None or not divided.is_of(round_, out, update):
            divided = self._divided = DividedRound(round_, out, update, self._all_links())
        divided.sit(self._stamp.generation, self._arena)
        return divided

    def _all_links(self) -> list[Link | None]:
        """By rank; None at our own."""
        links: list[Link | None] = [peer.link for peer in self._peers]
        links.insert(self._rank, None)
        return links

    def _round(self, work: Work, *, divides: bool) -> tuple[Round, Pace]:
        key = (work.leaves, work.width, work.dtype, divides)
        if key not in self._rounds:
            self._rounds[key] = Round(work, self._rank, self._all_links(), self._arena, whole=divides)
            self._paces[key] = Pace(self._terms.timeouts)
        return self._rounds[key], self._paces[key]

    def _await(self, round_: Round, there: There, seconds: float) -> None:
        """Wait until something is there from all others. Raises Redo."""
        began = time.monotonic()
        deadline = began + seconds
        lacking = list(zip(self._peers, round_.lanes, strict=True))
        for peer, lane in lacking:
            if not there(peer, lane):
                peer.look()
        while lacking := [(peer, lane) for peer, lane in lacking if not there(peer, lane)]:
            lacked = [peer for peer, _ in lacking]
            self._check(lacked)
            if not self._hears(deadline):
                deadline = self._wait_longer(lacked, seconds)
        self._times.waiting += time.monotonic() - began

    def _hears(self, deadline: float) -> bool:
        """Wait for what others say; False where nobody says anything before `deadline`."""
        while self._look_up is not None and (soon := time.monotonic() + SECONDS_BETWEEN_LOOKS) < deadline:
            if self._ear.hear(self._peers, self._others(), soon):
                return True
            self._look_up()
        return self._ear.hear(self._peers, self._others(), deadline)

    # What the lead and a helper do otherwise.

    _grace = 0.0
    """How much longer to wait for totals: who is kept waiting by a third one says so first."""

    @abstractmethod
    def _others(self) -> Mapping[int, Watched]:
        """What to wait on besides the links."""

    @abstractmethod
    def _check(self, lacked: list[Peer]) -> None:
        """Look at what has become of those who still have to come. Raises Redo."""

    @abstractmethod
    def _wait_longer(self, lacked: list[Peer], seconds: float) -> float:
        """Those did not come within so many seconds: what is the next deadline?"""

    @abstractmethod
    def _commit(self) -> None:
        """All that is needed of the others is there."""

    @abstractmethod
    def _confirm(self, seconds: float) -> None:
        """Our part is done: return once nobody has to do it again. Raises Redo."""


# Nobody leaves a collective while others still need it to send: it may be long before its next one.
def _partials_came(peer: Peer, lane: Lane) -> bool:
    return lane.partials_came and peer.link.has_sent


def _total_came(peer: Peer, lane: Lane) -> bool:
    return lane.total_came and peer.link.has_sent
