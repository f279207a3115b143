"""What passes between members can't be read on the way, whatever their processors compute."""

from dataclasses import replace

import numpy as np
import pytest

from lockstep.core.ground.shards import blocks_of
from tests.core.group.team import IDENTITY, HelperRun, LeadRun, numbers
from tests.core.group.wire import Wire

WORK = numbers(4, width=1_000)


@pytest.mark.parametrize(
    "helpers_have_aes", [(True, True), (False, True), (False, False)], ids=["all", "some", "none"]
)
@pytest.mark.parametrize("lead_has_aes", [True, False])
def test_a_group_of_processors_with_and_without_aes(
    lead_has_aes: bool, helpers_have_aes: tuple[bool, bool]
) -> None:
    with LeadRun(WORK, identity=replace(IDENTITY, has_aes=lead_has_aes)) as run:
        helpers = [
            HelperRun(run.lead.address, WORK, identity=replace(IDENTITY, has_aes=has_aes))
            for has_aes in helpers_have_aes
        ]
        run.steps_until_world_is(3)
        run.steps(5)
        run.lead.close("done")
        for helper in helpers:
            assert str(helper.join().end) == "done"
            assert len(helper.steps) >= 4
        assert run.lead.refusals.counts() == {}


def test_no_part_can_be_read_on_the_wire() -> None:
    """A helper's part is known: the sum of the leaves of its block."""
    work = WORK(0)
    with LeadRun(lambda _: WORK(0)) as run, Wire(run.lead.address) as wire:
        helper = HelperRun(wire.address, lambda _: WORK(0), stays=4)
        run.steps_until(lambda: helper.is_done)
    part = np.empty(work.width, work.dtype)
    (block,) = blocks_of(1, 2, work.leaves)
    assert work.partial(block, part)
    sent, recorded = part.tobytes(), bytes(wire.recorded)
    assert len(recorded) > 4 * len(sent)
    assert not any(sent[start : start + 8] in recorded for start in range(0, len(sent), 8))
