"""How long members wait for each other: a peer that is slower than we are is not lost for it."""

import time

import numpy as np
import pytest

from lockstep.core.ground.shards import Block
from lockstep.core.group.terms import Timeouts, patience
from tests.core.group.team import HelperRun, LeadRun, Numbers, WorkOf


@pytest.mark.parametrize(
    ("floor", "own", "exchanged", "waits"),
    [(5.0, 0.0, 0, 5.0), (5.0, 1.0, 0, 5.0), (5.0, 10.0, 0, 30.0), (5.0, 0.0, 100_000_000, 7.0)],
    ids=["nothing to do", "a short step", "a long step", "many bytes"],
)
def test_patience_grows_with_the_work_and_with_the_bytes(
    floor: float, own: float, exchanged: int, waits: float
) -> None:
    assert patience(floor, own, exchanged) == pytest.approx(waits)


class Slow(Numbers):
    """A work that takes its time over each part."""

    def __init__(self, seconds: float, seed: int) -> None:
        super().__init__(2, seed=seed)
        self._seconds = seconds

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """See Work."""
        time.sleep(self._seconds)
        return super().partial(block, out)

    def total(self) -> np.ndarray:
        """See Numbers."""
        return Numbers(self.leaves, seed=self._seed).total()


def slow(seconds: float) -> WorkOf:
    return lambda step: Slow(seconds, seed=step)


def test_a_helper_on_a_machine_half_as_fast_is_not_late() -> None:
    timeouts = Timeouts(step_seconds=0.2, lead_seconds=10.0)
    with LeadRun(slow(0.25), timeouts=timeouts) as run:
        helper = HelperRun(run.lead.address, slow(0.5), timeouts=timeouts)
        run.steps_until_world_is(2)
        run.steps(2)
        assert run.reasons() == []
        assert run.lead.world_size == 2
    assert helper.join().steps
