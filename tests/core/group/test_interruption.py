"""Members of a group are heard amid a step: between parts of their own, and while they wait for others."""

import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from lockstep.core.ground.errors import Interrupted
from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block
from lockstep.core.group import Released
from lockstep.core.group.terms import TransportChoice
from tests.core.group.team import HelperRun, LeadRun, Numbers, do_step, numbers

pytestmark = pytest.mark.timeout(60)

LONG_SECONDS = 20.0
TRANSPORTS: tuple[TransportChoice, ...] = ("shared_memory", "tcp")


class Long(Numbers):
    """A work whose own part takes LONG_SECONDS unless `over` is set; it is asked meanwhile."""

    def __init__(self, step: int, team: "Team") -> None:
        super().__init__(4, seed=step)
        self._team = team
        self.look_up = team.helpers_look_up

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """See Work."""
        self._team.began.set()
        deadline = time.monotonic() + LONG_SECONDS
        while not self._team.over.wait(0.01) and time.monotonic() < deadline:
            if self.look_up is not None:
                self.look_up()
        self._team.done.set()
        return super().partial(block, out)


class Team:
    """A lead and a helper, whose part takes long from the step `long_from` on."""

    def __init__(self, transport: TransportChoice) -> None:
        self.began, self.over, self.done = threading.Event(), threading.Event(), threading.Event()
        self.long_from = sys.maxsize
        self.helpers_look_up: LookUp | None = None
        self.lead = LeadRun(numbers(4), transport=transport)
        self.helper = HelperRun(self.lead.lead.address, self._work_of, transport=transport)

    def _work_of(self, step: int) -> Numbers:
        if step < self.long_from:
            return Numbers(4, seed=step)
        return Long(step, self)

    def meet(self) -> None:
        """The next step is the helper's first long one."""
        self.lead.steps_until_world_is(2)
        self.lead.steps(3)
        self.long_from = self.lead.step + 1
        self.lead.steps(1)

    def hear_the_lead(self) -> None:
        """For the helper's `look_up`."""
        if self.helper.helper is not None:
            self.helper.helper.leave_if_over()


def interrupting(when: Callable[[], bool]) -> LookUp:
    def look_up() -> None:
        if when():
            raise Interrupted("the test wants it")

    return look_up


@pytest.fixture(params=TRANSPORTS)
def team(request: pytest.FixtureRequest) -> Team:
    return Team(request.param)


def test_a_lead_is_heard_while_it_waits_for_a_helper(team: Team) -> None:
    with team.lead:
        team.meet()
        work = Numbers(4, seed=team.lead.step)
        work.look_up = interrupting(team.began.is_set)

        with pytest.raises(Interrupted):
            do_step(team.lead.lead, team.lead.step, work)

        assert not team.done.is_set()
        team.over.set()
    team.helper.join()


def test_a_helper_hears_amid_its_part_that_the_lead_lets_go(team: Team) -> None:
    team.helpers_look_up = team.hear_the_lead
    with team.lead:
        team.meet()
        work = Numbers(4, seed=team.lead.step)
        work.look_up = interrupting(team.began.is_set)
        with pytest.raises(Interrupted):
            do_step(team.lead.lead, team.lead.step, work)

        team.lead.lead.close("it stops amid a step")

        team.helper.join()
    assert not team.done.is_set()
    assert isinstance(team.helper.end, Released)


def test_a_lead_lets_a_helper_go_amid_a_step(team: Team) -> None:
    team.helpers_look_up = team.hear_the_lead

    def dismiss() -> None:
        if team.began.is_set():
            team.lead.lead.dismiss()

    with team.lead:
        team.meet()
        work = Numbers(4, seed=team.lead.step)
        work.look_up = dismiss

        do_step(team.lead.lead, team.lead.step, work)

        assert team.lead.lead.world_size == 1
        assert team.lead.events[-1][1]["left"] == "released"
        team.helper.join()
        assert not team.done.is_set()
        assert isinstance(team.helper.end, Released)
        team.lead.step += 1
        team.lead.steps(2)


def test_what_a_helper_leaves_undone_the_others_do(team: Team) -> None:
    team.helpers_look_up = interrupting(lambda: True)
    with team.lead:
        team.meet()

        team.lead.steps(2)

        assert team.began.is_set()
        assert team.lead.lead.world_size == 1
    with pytest.raises(Interrupted):
        team.helper.join()
