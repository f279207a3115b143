"""Members of any processors seal what they send each other, and know whom they send it to."""

from dataclasses import replace

import numpy as np
import pytest

from lockstep.core.ground.shards import blocks_of
from lockstep.core.group import Released
from lockstep.core.group.dialing import Dialer
from lockstep.core.group.frames import Stamp
from lockstep.core.group.messages import Introduction
from lockstep.core.group.refusals import Refusals
from tests.core.group.team import IDENTITY, HelperRun, LeadRun, numbers, terms
from tests.core.group.wire import Wire

WORK = numbers(4, width=1_000)


@pytest.mark.parametrize(
    "helpers_have_aes", [(True, True), (False, True), (False, False)], ids=["all", "some", "none"]
)
@pytest.mark.parametrize("lead_has_aes", [True, False])
def test_a_group_of_processors_with_and_without_aes(
    lead_has_aes: bool, helpers_have_aes: tuple[bool, bool]
) -> None:
    with LeadRun(WORK, transport="tcp", identity=replace(IDENTITY, has_aes=lead_has_aes)) as run:
        helpers = [
            HelperRun(run.lead.address, WORK, transport="tcp", identity=replace(IDENTITY, has_aes=has_aes))
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
    with LeadRun(lambda _: WORK(0), transport="tcp") as run, Wire(run.lead.address) as wire:
        helper = HelperRun(wire.address, lambda _: WORK(0), transport="tcp", stays=4)
        run.steps_until(lambda: helper.is_done)
    part = np.empty(work.width, work.dtype)
    (block,) = blocks_of(1, 2, work.leaves)
    assert work.partial(block, part)
    sent, recorded = part.tobytes(), bytes(wire.recorded)
    assert len(recorded) > 4 * len(sent)
    assert not any(sent[start : start + 8] in recorded for start in range(0, len(sent), 8))


def test_a_link_that_is_led_to_another_members_door_is_refused_there() -> None:
    """Each member knows the secret: only what the joiner means tells them apart."""
    with LeadRun(WORK, transport="tcp") as run:
        helper = HelperRun(run.lead.address, WORK, transport="tcp")
        run.steps_until(lambda: bool(helper.steps))
        assert helper.helper is not None
        door = helper.helper._door
        joiner = Dialer(terms("tcp"), None, Stamp(), Refusals())
        with pytest.raises(Released, match="the door of another member than the one that is meant"):
            joiner.link(1, door.address, Introduction(number=7, meant=run.lead.address))
        joiner.link(1, door.address, Introduction(number=7, meant=door.address)).close()
        assert door.refusals.counts() == {"door": 1}
        run.steps(2)
