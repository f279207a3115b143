"""A group gives every member the bits that one worker alone gets, whoever comes and goes."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lockstep.core.ground.errors import DomainError
from lockstep.core.ground.shards import Block
from lockstep.core.group import LeadLost, Released
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.terms import Timeouts, TransportChoice
from tests.core.group.team import IDENTITY, PATIENT, QUICK, HelperRun, LeadRun, Numbers, cycle, numbers, terms
from tests.core.group.wire import Wire, nothing, slow
from tests.ranks import run_ranks

TRANSPORTS: list[TransportChoice] = ["tcp", "auto"]


@pytest.mark.parametrize("transport", [*TRANSPORTS, "mixed"])
@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 5])
def test_the_bits_are_the_same_in_a_group_of_any_size(world_size: int, transport: str) -> None:
    def empties(step: int) -> Numbers:
        return Numbers(8, seed=step, empty=frozenset({0, 1, 5, 7}))

    def all_empty(step: int) -> Numbers:
        return Numbers(3, seed=step, empty=frozenset(range(3)))

    def doubles(step: int) -> Numbers:
        return Numbers(6, seed=step, dtype=np.float64)

    shapes = [numbers(leaves) for leaves in range(1, 10)]
    work_of = cycle([*shapes, empties, all_empty, doubles, numbers(7, width=70_000)])
    kinds: list[TransportChoice] = ["tcp" if transport == "tcp" else "auto"] * world_size
    if transport == "mixed":
        kinds[1::2] = ["tcp"] * len(kinds[1::2])
    with LeadRun(work_of, transport=kinds[0]) as run:
        helpers = [HelperRun(run.lead.address, work_of, transport=kind) for kind in kinds[1:]]
        run.steps_until_world_is(world_size)
        run.steps(2 * 13)
        run.lead.close("done")
        for helper in helpers:
            assert str(helper.join().end) == "done"
            assert len(helper.steps) >= 2 * 13 - 1
    assert run.reasons() == []


def test_each_member_computes_its_own_blocks_only() -> None:
    works: dict[int, list[Numbers]] = {}

    def work_of(step: int) -> Numbers:
        work = Numbers(8, seed=step)
        works.setdefault(step, []).append(work)
        return work

    with LeadRun(work_of) as run:
        helpers = [HelperRun(run.lead.address, work_of) for _ in range(2)]
        run.steps_until_world_is(3)
        run.steps(3)
        run.lead.close("done")
        for helper in helpers:
            helper.join()
    computed = [work.computed for work in works[run.step - 1]]
    assert sorted(computed, key=str) == sorted(
        [[Block(0, 2)], [Block(2, 2), Block(4, 1)], [Block(5, 1), Block(6, 2)]], key=str
    )


def test_more_joiners_than_seats() -> None:
    work_of = numbers(8)
    with LeadRun(work_of, seats=2) as run:
        helpers = [HelperRun(run.lead.address, work_of) for _ in range(6)]
        run.steps_until(lambda: sum(helper.is_done for helper in helpers) == 4)
        run.steps_until_world_is(3)
        run.steps(3)
        run.lead.close("done")
        ends = sorted(str(helper.join().end) for helper in helpers)
    assert ends == ["done"] * 2 + ["no seat is free"] * 4
    assert [kind for kind, _ in run.events] == ["member_joined"] * 2


def test_some_join_while_others_leave() -> None:
    work_of = numbers(8)
    with LeadRun(work_of) as run:
        passing = [HelperRun(run.lead.address, work_of, stays=1 + 2 * number) for number in range(4)]
        run.steps_until(lambda: any(helper.is_done for helper in passing))
        staying = HelperRun(run.lead.address, work_of)
        run.steps_until(lambda: all(helper.is_done for helper in passing) and len(staying.steps) > 2)
        run.steps_until_world_is(2)
        assert [len(helper.join().steps) for helper in passing] == [1, 3, 5, 7]
        assert run.reasons() == ["it left: had enough"] * 4
        run.lead.close("done")
        assert str(staying.join().end) == "done"


def test_release_lets_the_highest_ranks_go_and_the_others_go_on() -> None:
    work_of = numbers(8)
    with LeadRun(work_of) as run:
        helpers = [HelperRun(run.lead.address, work_of) for _ in range(3)]
        run.steps_until_world_is(4)
        ranks = {data["peer"]: data["rank"] for _, data in run.events}
        releasing = threading.Thread(target=run.lead.release, args=(2,))
        releasing.start()
        releasing.join()
        run.steps(1)
        assert run.lead.world_size == 2
        run.steps(3)
        left = [data["rank"] for kind, data in run.events if kind == "member_left"]
        assert sorted(ranks.values()) == [1, 2, 3]
        assert left == [2, 3]
        run.lead.close("done")
        ends = sorted(str(helper.join().end) for helper in helpers)
    assert ends == ["done", "released by the lead", "released by the lead"]


def test_a_release_with_nobody_there_is_forgotten() -> None:
    work_of = numbers(4)
    with LeadRun(work_of) as run:
        run.lead.release(3)
        helper = HelperRun(run.lead.address, work_of)
        run.steps_until_world_is(2)
        run.steps(2)
        run.lead.close("done")
        assert str(helper.join().end) == "done"


def test_a_helper_that_waits_at_the_door_is_told_that_the_job_is_over() -> None:
    with LeadRun(numbers(4)) as run:
        helper = HelperRun(run.lead.address, numbers(4))
        while not run.lead._door.waiting:
            time.sleep(0.001)
        run.lead.close("done")
        assert str(helper.join().end) == "done"


def test_a_helper_at_the_door_can_give_up() -> None:
    with LeadRun(numbers(4)) as run:
        with pytest.raises(Released, match="gave up"):
            GroupHelper.join(terms(), run.lead.address, leave=lambda: True)
        run.steps(2)
        assert run.lead.world_size == 1


def test_closing_reaches_helpers_that_have_sent_their_next_part_already() -> None:
    work_of = numbers(4, width=100_000)
    with LeadRun(work_of) as run:
        helper = HelperRun(run.lead.address, work_of)
        run.steps_until_world_is(2)
        run.steps(3)
        time.sleep(0.05)  # it has sent what it can of the next step and waits
        run.lead.close("the job is over")
        end = helper.join().end
    assert isinstance(end, Released)
    assert str(end) == "the job is over"


def test_closing_does_not_wait_long_for_a_helper_that_is_stuck() -> None:
    with LeadRun(numbers(4), timeouts=replace(PATIENT, close_seconds=0.1)) as run:
        stuck = threading.Event()
        helper = HelperRun(run.lead.address, lambda step: (stuck.wait(3600), Numbers(4, seed=step))[1])
        while not run.lead._door.waiting:
            time.sleep(0.001)
        run.steps(1)
        run.lead.welcome(lambda: b"1")
        run.lead.close("done")
        assert not helper.is_done
        stuck.set()
        helper.join()


class Failing(Numbers):
    """A work outside a function's domain."""

    def partial(self, block: Block, out: np.ndarray) -> bool:  # noqa: ARG002 - it never gets that far
        raise DomainError(f"log of -1 in {block}")


def test_a_helper_whose_part_fails_leaves_its_part_to_the_lead() -> None:
    with LeadRun(numbers(4)) as run:
        helper = HelperRun(run.lead.address, lambda step: Failing(4, seed=step))
        run.steps_until(lambda: helper.is_done and len(run.events) == 2)
        assert isinstance(helper.end, DomainError)
        assert run.reasons() == ["it left: had enough"]
        run.steps(1)
        assert run.lead.world_size == 1


def test_what_the_leads_part_raises_passes_through_and_the_helpers_are_let_go() -> None:
    with LeadRun(numbers(4)) as run:
        helper = HelperRun(run.lead.address, numbers(4))
        run.steps_until_world_is(2)
        run.work_of = lambda step: Failing(4, seed=step)
        with pytest.raises(DomainError, match="log of -1"):
            run.steps(1)
        run.lead.close("domain_error")
        assert str(helper.join().end) == "domain_error"


def test_members_with_another_identity_are_told_why_they_are_refused() -> None:
    with LeadRun(numbers(4)) as run:
        for identity, reason in [
            (replace(IDENTITY, fingerprint="00" * 32), "the numerics fingerprint differs"),
            (replace(IDENTITY, spec_sha256="00" * 32), "the spec differs"),
            (replace(IDENTITY, attempt=2), "expected attempt 3, got 2"),
            (replace(IDENTITY, job_id="job_2"), "another job's group"),
        ]:
            with pytest.raises(Released, match=reason):
                GroupHelper.join(terms(identity=identity), run.lead.address)
        with pytest.raises(LeadLost, match="does not know the secret"):
            GroupHelper.join(terms("tcp", identity=replace(IDENTITY, secret=bytes(32))), run.lead.address)
        run.steps(2)
        assert run.events == []


def test_nobody_at_the_address() -> None:
    with LeadRun(numbers(4)) as run:
        address = run.lead.address
    with pytest.raises(LeadLost, match="no way to the lead"):
        GroupHelper.join(terms(), address)


def test_a_lead_that_never_admits_loses_its_joiner_by_the_joiners_deadline() -> None:
    with LeadRun(numbers(4)) as run:
        timeouts = replace(QUICK, step_seconds=0.1, lead_seconds=0.2)
        with pytest.raises(LeadLost, match="silent"):
            GroupHelper.join(terms(timeouts=timeouts), run.lead.address)
        run.steps(2)
        assert run.lead.world_size == 1


def test_a_slow_wire_is_no_reason_to_drop_anybody() -> None:
    work_of = numbers(4, width=30_000)
    with (
        LeadRun(work_of) as run,
        Wire(run.lead.address, slow(0.001), slow(0.001), piece_bytes=7_001) as wire,
    ):
        helper = HelperRun(wire.address, work_of)
        run.steps_until_world_is(2)
        run.steps(3)
        run.lead.close("done")
        assert len(helper.join().steps) >= 2
    assert run.reasons() == []


def test_big_totals_pass_through_small_buffers_without_a_deadlock() -> None:
    """More bytes each way than all buffers in between hold, both sides sending at once."""
    work_of = numbers(3, width=1_000_000)

    with LeadRun(work_of) as run:
        helpers = [HelperRun(run.lead.address, work_of) for _ in range(2)]

        def lead() -> None:
            run.steps_until_world_is(3)
            run.steps(2)
            run.lead.close("done")

        ends: list[Callable[[], object]] = [partial(helper.join, 15.0) for helper in helpers]
        run_ranks([lead, *ends])
    assert run.reasons() == []


def test_helpers_must_be_more_patient_than_the_lead() -> None:
    with pytest.raises(ValueError, match="lead_seconds above step_seconds"):
        Timeouts(step_seconds=5, lead_seconds=5)


def test_who_rests_after_a_collective_keeps_nobody_waiting() -> None:
    """The lead has all of the helper's before all of its own has left it, and does nothing more."""
    work_of = numbers(2, width=6_000_000)
    with LeadRun(work_of) as run, Wire(run.lead.address, nothing, slow(0.001)) as wire:
        helper = HelperRun(wire.address, work_of)
        run.steps_until_world_is(2)
        run.steps(1)

        deadline = time.monotonic() + PATIENT.lead_seconds
        while helper.steps[-1:] != [run.step - 1]:
            assert time.monotonic() < deadline, f"the helper has done {helper.steps}, the lead {run.step}"
            time.sleep(0.01)
