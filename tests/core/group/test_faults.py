"""Whatever happens to a helper or on the wire: the lead does its steps, and nobody takes a wrong total."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from lockstep.core.group import LeadLost
from lockstep.core.group.frames import FRAME_BYTES, HEADER_BYTES, MAX_PAYLOAD_BYTES
from lockstep.core.group.messages import NUMBER, WELCOME
from tests.core.group.team import (
    ACCEPTANCE_BYTES,
    CHALLENGE_BYTES,
    HAND_SHAKE_BYTES,
    HELLO_BYTES,
    INTRODUCED_BYTES,
    QUICK,
    STATE_BYTES,
    HelperRun,
    LeadRun,
    cycle,
    numbers,
)
from tests.core.group.wire import CONTROL, Tamper, Wire, cut_at, flip_at, repeat_at, stall_at

# A step of this work with two members: two chunks each way, so two frames.
CHUNK, REST = MAX_PAYLOAD_BYTES, 1_000
WIDTH = (CHUNK + REST) // 4
STEP_BYTES = CHUNK + REST + 2 * FRAME_BYTES
WORK = numbers(4, WIDTH)

# Where in the connection for numbers a fault strikes, by the bytes that went before in that direction.
TO_LEAD = {
    "before the greeting": 0,
    "within the greeting": 100,
    "between greeting and proof": HELLO_BYTES,
    "within the proof": HELLO_BYTES + 6,
    "after the proof": HAND_SHAKE_BYTES,
    "within the introduction": HAND_SHAKE_BYTES + 70,
    "before the first part": INTRODUCED_BYTES,
    "within the first header": INTRODUCED_BYTES + 10,
    "within the first payload": INTRODUCED_BYTES + HEADER_BYTES + 1000,
    "within the first tag": INTRODUCED_BYTES + HEADER_BYTES + CHUNK + 8,
    "between the frames of a part": INTRODUCED_BYTES + FRAME_BYTES + CHUNK,
    "within the last payload": INTRODUCED_BYTES + STEP_BYTES - 16 - 1,
    "within the last tag": INTRODUCED_BYTES + STEP_BYTES - 1,
    "between two steps": INTRODUCED_BYTES + STEP_BYTES,
    "within the second step": INTRODUCED_BYTES + STEP_BYTES + 5000,
}
_LINKED = CHALLENGE_BYTES + FRAME_BYTES + 1  # the challenge and ACCEPTED
TO_HELPER = {
    "within the challenge": 40,
    "within ACCEPTED": CHALLENGE_BYTES + 6,
    "before the first part": _LINKED,
    "within the first part": _LINKED + HEADER_BYTES + 99,
    "within the second header": _LINKED + FRAME_BYTES + CHUNK + 40,
    "within the last tag": _LINKED + STEP_BYTES - 1,
    "between two steps": _LINKED + STEP_BYTES,
    "within the second step": _LINKED + STEP_BYTES + 5000,
}
_ACCEPTED = CHALLENGE_BYTES + FRAME_BYTES + ACCEPTANCE_BYTES
_STATE = _ACCEPTED + FRAME_BYTES + WELCOME.size + 2 * NUMBER.size
_SAID = _STATE + FRAME_BYTES + STATE_BYTES
# The same for what the lead says: a step takes a COMMIT.
SAID_TO_HELPER = {
    "within the challenge": 40,
    "within ACCEPTED": CHALLENGE_BYTES + 6,
    "before WELCOME": _ACCEPTED,
    "within WELCOME": _ACCEPTED + 60,
    "within the state": _STATE + HEADER_BYTES + 4,
    "before the commit": _SAID,
    "within the commit": _SAID + 20,
    "within the commit's tag": _SAID + FRAME_BYTES - 1,
    "after the commit": _SAID + FRAME_BYTES,
    "within the second commit": _SAID + FRAME_BYTES + 30,
}


def steps_with_a_faulty_helper(run: LeadRun, wire: Wire) -> HelperRun:
    """Let a helper in over the wire, if it gets that far, and do steps until both have felt the fault."""
    helper = HelperRun(wire.address, WORK, timeouts=QUICK)
    run.steps_until(lambda: helper.is_done)
    run.steps_until_world_is(1)
    run.steps(2)
    return helper.join()


@pytest.mark.parametrize("position", TO_LEAD.values(), ids=TO_LEAD.keys())
def test_a_helper_that_dies_at_any_byte_of_what_it_sends(position: int) -> None:
    with LeadRun(WORK) as run, Wire(run.lead.address, to_lead=cut_at(position)) as wire:
        helper = steps_with_a_faulty_helper(run, wire)
        assert isinstance(helper.end, LeadLost)
        assert len(run.reasons()) == (1 if run.events else 0)


@pytest.mark.parametrize("position", TO_HELPER.values(), ids=TO_HELPER.keys())
def test_a_helper_that_dies_at_any_byte_of_what_it_gets(position: int) -> None:
    with LeadRun(WORK) as run, Wire(run.lead.address, to_helper=cut_at(position)) as wire:
        helper = steps_with_a_faulty_helper(run, wire)
        assert isinstance(helper.end, LeadLost)


@pytest.mark.parametrize("position", SAID_TO_HELPER.values(), ids=SAID_TO_HELPER.keys())
@pytest.mark.parametrize("fault", [cut_at, flip_at])
def test_what_the_lead_says_is_cut_off_or_changed(position: int, fault: Callable[[int], Tamper]) -> None:
    with LeadRun(WORK) as run, Wire(run.lead.address, to_helper=fault(position), on=CONTROL) as wire:
        helper = steps_with_a_faulty_helper(run, wire)
        assert isinstance(helper.end, LeadLost)


@pytest.mark.parametrize("position", list(TO_LEAD.values())[6:], ids=list(TO_LEAD)[6:])
def test_a_bit_that_flips_on_the_way_to_the_lead_costs_the_helper_its_place(position: int) -> None:
    with LeadRun(WORK) as run, Wire(run.lead.address, to_lead=flip_at(position)) as wire:
        helper = steps_with_a_faulty_helper(run, wire)
        assert isinstance(helper.end, LeadLost)
        assert len(run.reasons()) == 1
        assert "expected" in run.reasons()[0] or "seal" in run.reasons()[0]


@pytest.mark.parametrize("position", TO_HELPER.values(), ids=TO_HELPER.keys())
def test_a_bit_that_flips_on_the_way_to_a_helper_never_gets_into_a_total(position: int) -> None:
    """Each total that a helper takes is checked in `do_step`."""
    with LeadRun(WORK) as run, Wire(run.lead.address, to_helper=flip_at(position)) as wire:
        helper = steps_with_a_faulty_helper(run, wire)
        assert isinstance(helper.end, LeadLost)


HEADER_FIELDS = {
    "magic": 0,
    "kind": 4,
    "job": 9,
    "attempt": 27,
    "generation": 31,
    "collective": 39,
    "sequence": 47,
    "length": 51,
}


@pytest.mark.parametrize("offset", HEADER_FIELDS.values(), ids=HEADER_FIELDS.keys())
def test_every_field_of_a_header_is_protected(offset: int) -> None:
    position = INTRODUCED_BYTES + STEP_BYTES + offset
    with LeadRun(WORK) as run, Wire(run.lead.address, to_lead=flip_at(position)) as wire:
        steps_with_a_faulty_helper(run, wire)
        assert len(run.reasons()) == 1


def test_a_frame_that_is_repeated_costs_the_helper_its_place() -> None:
    small = numbers(4)
    frame = FRAME_BYTES + 20
    replay = repeat_at(INTRODUCED_BYTES + frame, frame)
    with LeadRun(small) as run, Wire(run.lead.address, to_lead=replay) as wire:
        helper = HelperRun(wire.address, small, timeouts=QUICK)
        run.steps_until(lambda: helper.is_done and run.lead.world_size == 1)
        assert run.reasons()[0].startswith("expected frame number 2, got 1")


def test_a_greeting_and_proof_that_were_overheard_open_no_door() -> None:
    with LeadRun(WORK) as run:
        with Wire(run.lead.address) as wire:
            helper = HelperRun(wire.address, WORK, stays=1)
            run.steps_until(lambda: helper.is_done)
            overheard = bytes(wire.recorded[: HAND_SHAKE_BYTES + STEP_BYTES])
        with socket.create_connection(run.lead.address, timeout=5) as thief:
            thief.sendall(overheard)
            answer = b""
            try:
                while part := thief.recv(4096):
                    answer += part
            except ConnectionError:
                pass
            assert len(answer) == CHALLENGE_BYTES  # a challenge, and no more
        run.steps(3)
        assert [kind for kind, _ in run.events] == ["member_joined", "member_left"]


STALLS = {name: TO_LEAD[name] for name in list(TO_LEAD)[6:]}


@pytest.mark.parametrize("position", STALLS.values(), ids=STALLS.keys())
def test_a_helper_that_freezes_is_dropped_in_time_and_harms_nobody_when_it_thaws(position: int) -> None:
    timeouts = replace(QUICK, step_seconds=0.1)
    thawed = threading.Event()
    with (
        LeadRun(WORK, timeouts=timeouts) as run,
        Wire(run.lead.address, to_lead=stall_at(position, thawed)) as wire,
    ):
        helper = HelperRun(wire.address, WORK)
        run.steps_until(lambda: len(run.events) == 2)
        assert "its part was not there" in run.reasons()[0]
        done_by_the_frozen = len(helper.steps)
        thawed.set()
        run.steps(3)
        assert isinstance(helper.join().end, LeadLost)
        assert len(helper.steps) == done_by_the_frozen
        assert run.lead.world_size == 1


def test_a_frozen_helper_does_not_cost_the_others_their_places() -> None:
    thawed = threading.Event()
    stall = stall_at(INTRODUCED_BYTES + STEP_BYTES + 1000, thawed)
    with (
        LeadRun(WORK, timeouts=QUICK) as run,
        Wire(run.lead.address, to_lead=stall) as wire,
    ):
        healthy = [HelperRun(run.lead.address, WORK) for _ in range(2)]
        run.steps_until_world_is(3)
        frozen = HelperRun(wire.address, WORK)
        run.steps_until(lambda: "member_left" in [kind for kind, _ in run.events])
        run.steps(3)
        assert run.lead.world_size == 3
        thawed.set()
        assert isinstance(frozen.join().end, LeadLost)
        run.lead.close("done")
        assert [str(helper.join().end) for helper in healthy] == ["done", "done"]


def test_a_helper_that_stops_reading_is_dropped() -> None:
    """Its parts come, but the totals for it fill all buffers on the way."""
    thawed = threading.Event()
    work_of = numbers(2, width=1_500_000)
    with (
        LeadRun(work_of, timeouts=replace(QUICK, step_seconds=0.3)) as run,
        Wire(run.lead.address, to_helper=stall_at(_LINKED + 10, thawed)) as wire,
    ):
        helper = HelperRun(wire.address, work_of)
        run.steps_until(lambda: len(run.events) == 2, seconds=20)
        thawed.set()
        assert isinstance(helper.join().end, LeadLost)
    assert len(run.reasons()) == 1


def test_a_helper_that_freezes_before_it_has_its_state() -> None:
    thawed = threading.Event()

    with (
        LeadRun(WORK, timeouts=QUICK) as run,
        Wire(run.lead.address, to_helper=stall_at(_ACCEPTED, thawed), on=CONTROL) as wire,
    ):
        helper = HelperRun(wire.address, WORK, timeouts=replace(QUICK, lead_seconds=0.5))
        run.steps_until(lambda: len(run.events) == 2)
        run.steps(2)
        thawed.set()
        assert isinstance(helper.join().end, LeadLost)
        assert helper.steps == []


def test_a_lead_that_falls_silent_is_given_up() -> None:
    with LeadRun(WORK) as run:
        helper = HelperRun(
            run.lead.address, WORK, timeouts=replace(QUICK, step_seconds=0.1, lead_seconds=0.4)
        )
        run.steps_until_world_is(2)
        run.steps(1)
        helper.join()
        assert "silent" in str(helper.end)
        run.steps(2)
        assert len(run.reasons()) == 1


def test_all_helpers_dying_at_once() -> None:
    works = cycle([WORK, numbers(5), numbers(1)])
    with LeadRun(works) as run, Wire(run.lead.address) as one, Wire(run.lead.address) as two:
        helpers = [HelperRun(wire.address, works, timeouts=QUICK) for wire in (one, two)]
        run.steps_until_world_is(3)
        run.steps(4)
        one.cut()
        two.cut()
        run.steps(4)
        assert run.lead.world_size == 1
        for helper in helpers:
            assert isinstance(helper.join().end, LeadLost)


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_joins_and_deaths(seed: int) -> None:
    """Helpers die at bytes all over the place while others come: no step is lost, no bit is wrong."""
    works = cycle([numbers(8, 20_000), numbers(8), numbers(3, 40_000), numbers(1)])
    cuts: list[Tamper] = [cut_at(INTRODUCED_BYTES + (seed + 1) * 7_919 * number) for number in range(1, 9)]
    with LeadRun(works, seats=4, timeouts=QUICK) as run:
        wires = [Wire(run.lead.address, to_lead=cut) for cut in cuts]
        try:
            helpers = []
            for wire in wires:
                helpers.append(HelperRun(wire.address, works, timeouts=QUICK))
                run.steps(2)
            run.steps_until(lambda: all(helper.is_done for helper in helpers))
            run.steps_until_world_is(1)
            for helper in helpers:
                helper.join()
        finally:
            for wire in wires:
                wire.__exit__()
