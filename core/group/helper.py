"""A helper's side of a group. It decides nothing: what goes wrong is the lead's to judge.

Where its lead is lost, its state is worth nothing any more; where another helper is, it says so to the lead.
"""

import logging
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group import DividedUpdate, LeadLost, Released, Work, points
from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.dialing import Dialer, ask
from lockstep.core.group.door import Door
from lockstep.core.group.frames import FrameKind, ProtocolError
from lockstep.core.group.links import Milestone
from lockstep.core.group.member import Member, Redo
from lockstep.core.group.memory import own_memory
from lockstep.core.group.messages import (
    BLAME,
    FIGURES,
    LEAD,
    READY,
    Address,
    Introduction,
    pack_numbers,
    read_acceptance,
)
from lockstep.core.group.orders import Orders
from lockstep.core.group.peers import Peer, Watched
from lockstep.core.group.reception import HelpersReception
from lockstep.core.group.shm_link import ShmLink
from lockstep.core.group.terms import GroupTerms, patience

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.25  # at `leave`, while it waits to be let in
_SECONDS_BETWEEN_FIGURES = 0.5


class Resent(LockstepError):
    """The lead has sent the total again: this collective is done."""


class GroupHelper(Member):
    """A member that came to help. See Group; made by `join`. `state` is what the lead's `welcome` sent."""

    def __init__(self, terms: GroupTerms) -> None:
        arena, segment = own_memory(terms.transport)
        super().__init__(terms, arena)
        self._door = Door(terms, HelpersReception(), segment, self._stamp)
        self.refusals = self._door.refusals
        self._dialer = Dialer(terms, segment, self._stamp, self.refusals)
        self._orders = Orders()
        self._control: Channel | None = None
        self._links: dict[int, Peer] = {}
        self._number = LEAD
        self._blamed: set[int] = set()
        self._gives_up_at: float | None = None
        self._said_at = time.monotonic()
        self._poll = select.poll()
        self.state = b""

    @staticmethod
    def join(terms: GroupTerms, address: Address, leave: Callable[[], bool] = lambda: False) -> "GroupHelper":
        """Knock at the lead's door, link with all members, and wait until the lead lets us in.

        That is `lead_seconds` at most. `leave` is asked a few times a second whether to give up waiting.
        Raises Released where the lead does not want us or `leave` says so, LeadLost where it cannot be
        reached, does not answer, or is not who it should be; OSError where this member cannot listen.
        """
        helper = GroupHelper(terms)
        try:
            helper._enter(address, leave)
        except BaseException as error:
            helper.close("it gave up")
            if isinstance(error, PeerLost | ProtocolError):
                raise LeadLost(f"the lead is lost: {error}") from error
            raise
        return helper

    def all_reduce(
        self,
        work: Work,
        out: np.ndarray,
        *,
        admits: bool,  # noqa: ARG002 - the lead's choice
        update: DividedUpdate | None = None,
    ) -> bool:
        """See Group. Raises Released or LeadLost, after which the group is closed."""
        self._orders.begin(self._stamp.collective, out)
        self._gives_up_at = None
        try:
            self.leave_if_over()
            while not self._done(work, out, update):
                pass
            self._stamp.collective += 1
            self._tell_figures()
            return update is not None and self._all_share
        except (Released, LeadLost, PeerLost, ProtocolError) as error:
            self.close("it has lost its lead")
            if isinstance(error, Released | LeadLost):
                raise
            raise LeadLost(f"the lead is lost: {error}") from error

    def welcome(self, state: Callable[[], bytes]) -> None:
        """See Group; the lead's business."""

    def leave_if_over(self) -> None:
        """Raise Released where the lead has let go; a work's `look_up` may call it amid a collective."""
        if self._poll.poll(0):
            self._hear()
            self._orders.leave_if_over()

    def close(self, reason: str) -> None:
        """See Group. The others do our part themselves from now on."""
        if self._control is not None:
            self._control.say_goodbye(reason)
            self._control.close()
        for peer in (*self._links.values(), *self._peers):
            peer.close()
        self._door.close()
        self._arena.close()

    # Coming in.

    def _enter(self, address: Address, leave: Callable[[], bool]) -> None:
        """Be accepted, link with all others, be let in, and take the state."""
        control = self._control = self._dialer.control(address)
        self._poll.register(control.fileno(), select.POLLIN)
        introduction = Introduction(
            worker_id=self._terms.worker_id, host=self._terms.host, door=self._door.address
        )
        accepted = read_acceptance(ask(control, introduction, self._terms.timeouts.handshake_seconds))
        points.ACCEPTED.reach()
        self._number = accepted.number
        introduction = replace(introduction, number=self._number)
        self._links |= self._dialer.link_with_all(accepted.doors, address, introduction)
        points.LINKED.reach()
        all_shared = all(peer.shares_memory for peer in self._links.values())
        control.queue(FrameKind.READY, READY.pack(all_shared) + pack_numbers(tuple(self._links)))
        self._hear()
        points.READY.reach()
        self._await_state(leave)
        welcome, self.state = self._orders.arrival()
        points.GOT_STATE.reach()
        self._stamp.collective = welcome.collective
        self._sit_down(welcome.generation, welcome.numbers)
        self._all_share = welcome.shared
        points.SAT_DOWN.reach()
        self._publish_arrival()

    def _await_state(self, leave: Callable[[], bool]) -> None:
        seconds = self._terms.timeouts.lead_seconds
        deadline = time.monotonic() + seconds
        while not self._orders.has_state:
            self._orders.leave_if_over()
            if leave():
                raise Released("gave up waiting to be let in")
            now = time.monotonic()
            if now >= deadline:
                raise LeadLost(f"expected to hear from the lead within {seconds:.1f} s, it was silent")
            was_welcome = self._orders.welcome
            self._ear.hear([], self._others(), min(deadline, now + _SECONDS_BETWEEN_LOOKS))
            if was_welcome is None and self._orders.welcome is not None:
                points.WELCOME.reach()
                deadline = time.monotonic() + patience(seconds, 0.0, self._orders.welcome.state_bytes)

    def _sit_down(self, generation: int, numbers: tuple[int, ...]) -> None:
        """Take our place among these. Raises LeadLost where we are not, or have no link with one."""
        if self._number not in numbers:
            raise LeadLost("the group goes on without this member")
        peers = {peer.number: peer for peer in self._peers}
        links = peers | self._links
        for number in numbers:
            if number not in links and number != self._number:
                made = self._door.take_peer(number)
                if made is None:
                    raise LeadLost(f"expected to be linked with member {number}, and it is unknown here")
                links[number] = made
        self._links = {number: peer for number, peer in self._links.items() if number not in numbers}
        self._seat(generation, numbers, [links[n] for n in numbers if n != self._number], self._number)
        for peer in peers.values():
            if peer.number not in numbers:
                peer.close()
        self._blamed.clear()

    # The course of a collective.

    def _done(self, work: Work, out: np.ndarray, update: DividedUpdate | None) -> bool:
        """Do the collective among the members that there are now; False where it has to be done again."""
        said, self._orders.regrouping = self._orders.regrouping, None
        if said is not None:
            points.REGROUPS.reach()
            self._sit_down(said.generation, said.numbers)
            self._all_share = said.shared
        try:
            self._together(work, out, update)
        except Redo:
            return False
        except Resent:
            points.RESENT.reach()
            self._arena.publish(self._stamp, Milestone.TAKEN)
        return True

    def _hear(self) -> None:
        """Take in what the lead has said, its last words too if it has hung up; send what waits."""
        control = self._control
        if control is None:
            return
        try:
            control.flush()
        except PeerLost:
            control.abandon_pending()
        try:
            control.receive(self._orders)
        except PeerLost:
            if self._orders.over is None:
                raise

    def _blame(self, peer: Peer) -> None:
        """Tell the lead that we lack something of another helper."""
        if self._control is not None and peer.number not in self._blamed:
            self._blamed.add(peer.number)
            reason = peer.lost[0] if peer.lost is not None else "it is late"
            logger.warning(
                "action=group_link_lost member=%d to=%d reason=%s", self._number, peer.number, reason
            )
            stamp = self._stamp
            points.BLAMES.reach()
            self._control.queue(FrameKind.BLAME, BLAME.pack(stamp.generation, stamp.collective, peer.number))
            self._hear()

    def _tell_figures(self) -> None:
        now = time.monotonic()
        if self._control is not None and now - self._said_at > _SECONDS_BETWEEN_FIGURES:
            self._said_at = now
            said = FIGURES.pack(self._times.computing, self._times.exchanging, self._times.waiting)
            self._control.queue(FrameKind.FIGURES, said)
            self._hear()

    # See Member.

    def _others(self) -> Mapping[int, Watched]:
        control = self._control
        if control is None:
            return {}
        mask = select.POLLIN | select.POLLOUT if control.has_pending else select.POLLIN
        return {control.fileno(): Watched(mask, self._hear)}

    def _check(self, lacked: list[Peer]) -> None:
        lost = [peer for peer in lacked if peer.lost is not None]
        for peer in lost:
            if peer.number != LEAD:
                self._blame(peer)  # first: to say it is to hear, too
        if any(peer.number == LEAD for peer in lost):
            self._hear()
        self._orders.leave_if_over()
        said = self._orders.regrouping
        if said is not None and said.collective == self._stamp.collective:
            raise Redo("the members have changed")
        if self._orders.is_resent:
            raise Resent("the lead has sent the total again")
        for peer in lost:
            if peer.number == LEAD and peer.lost is not None:
                raise LeadLost(f"the lead is lost: {peer.lost[0]}")

    def _wait_longer(self, lacked: list[Peer], seconds: float) -> float:
        now = time.monotonic()
        if self._gives_up_at is None:
            rounds = 1 + self.world_size  # the lead may have to wait for another helper, and do its part
            self._gives_up_at = now + max(self._terms.timeouts.lead_seconds, rounds * seconds)
        for peer in lacked:
            if peer.number != LEAD:
                self._blame(peer)
        if now >= self._gives_up_at:
            raise LeadLost("expected to hear from the lead, it was silent for too long")
        return self._gives_up_at

    def _commit(self) -> None:
        """The lead's business."""

    def _confirm(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_committed():
            self._check([peer for peer in self._peers if peer.number == LEAD])
            if not self._hears(deadline):
                deadline = self._wait_longer([], seconds)

    def _is_committed(self) -> bool:
        stamp, link = self._stamp, self._peers[0].link
        if self._orders.commits(stamp) or not isinstance(link, ShmLink):
            return self._orders.commits(stamp)
        generation, collective, phase = link.published()
        is_past = (collective, phase) >= (stamp.collective, Milestone.COMMITTED)
        return generation == stamp.generation and is_past
