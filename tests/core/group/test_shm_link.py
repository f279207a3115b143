"""Collectives of two processes through shared memory, to the bit; what is left when one is killed."""

import os
import signal
import time

import numpy as np
import pytest

from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Milestone
from lockstep.core.group.segment import VECTORS_OFFSET, NoSharedMemory, Segment
from lockstep.core.group.shm_link import SegmentArena, ShmLink, ShmOffer
from tests.core.group.shm_pair import SECONDS, WIDTHS, OtherProcess, work_of
from tests.core.group.test_segment import descriptors, segments_mapped

ROUNDS = 4 * len(WIDTHS)
FLOAT = np.dtype(np.float32)


@pytest.mark.parametrize("spins", [True, False])
def test_two_processes_get_the_tree_s_bits(spins: bool) -> None:
    with OtherProcess(ROUNDS, spins=spins) as other:
        for step in range(ROUNDS):
            np.testing.assert_array_equal(other.member.reduce(work_of(step)), work_of(step).total())

        assert other.line() == "done"


def test_thousands_of_small_collectives_lose_no_ring() -> None:
    """Each wait that is not woken would take SECONDS, and raise."""
    rounds = 2_000
    with OtherProcess(rounds, 3, spins=False) as other:
        for step in range(rounds):
            work = work_of(step, 3)
            np.testing.assert_array_equal(other.member.reduce(work), work.total())

        assert other.line() == "done"


@pytest.mark.parametrize("after", [0, 1, 2, 7])
def test_of_a_killed_process_nothing_is_left_and_its_numbers_can_still_be_read(after: int) -> None:
    before = descriptors(), segments_mapped()
    with OtherProcess(-1) as other:
        for step in range(after):
            other.member.reduce(work_of(step))
        (held,) = other.member.link.segment.vectors(VECTORS_OFFSET, 1, 5, FLOAT)
        os.kill(other.process.pid, signal.SIGKILL)
        other.process.wait(SECONDS)

        assert len(held.tobytes()) == held.nbytes
    del other, held

    assert (descriptors(), segments_mapped()) == before


def test_a_member_that_thaws_writes_nobody_else_s_memory() -> None:
    with OtherProcess(-1) as other:
        other.member.reduce(work_of(0))
        os.kill(other.process.pid, signal.SIGSTOP)
        (own,) = other.arena.vectors(1, 5, FLOAT)
        own[:] = 7
        os.kill(other.process.pid, signal.SIGCONT)
        time.sleep(0.05)

        np.testing.assert_array_equal(own, np.full(5, 7, FLOAT))


def test_a_peer_of_another_generation_is_as_if_it_were_not_there() -> None:
    arena, link, peer, peer_link = pair_in_one_process()

    peer.publish(Stamp(1, 9), Milestone.PARTIALS, [True])

    assert link.look()
    assert not link.look()
    assert link.published() == (1, 9, Milestone.PARTIALS)
    assert link.board.reaches((1 << 40) | (9 << 3) | Milestone.PARTIALS)
    assert not link.board.reaches((2 << 40) | (9 << 3) | Milestone.PARTIALS)
    assert link.is_free_for(Stamp(2, 9))
    assert not link.is_free_for(Stamp(1, 10))
    peer.publish(Stamp(1, 9), Milestone.TAKEN)
    assert link.is_free_for(Stamp(2, 10))
    peer.publish(Stamp(2, 9), Milestone.PARTIALS, [True])
    assert link.look()
    assert link.board.reaches((2 << 40) | (9 << 3) | Milestone.PARTIALS)
    assert not link.board.reaches((1 << 40) | (9 << 3) | Milestone.PARTIALS)
    assert not link.is_free_for(Stamp(1, 11))
    for each in (link, peer_link, arena, peer):
        each.close()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_descriptors_is_refused(count: int) -> None:
    before = descriptors()
    segment = Segment()
    offer = ShmOffer(segment)

    with pytest.raises(NoSharedMemory, match="expected 2 descriptors"):
        offer.accept([os.dup(segment.readable) for _ in range(count)])

    segment.close()
    del segment, offer
    assert descriptors() == before


@pytest.mark.parametrize("swapped", [True, False])
def test_descriptors_of_the_wrong_kind_are_refused(swapped: bool) -> None:
    before = descriptors()
    segment = Segment()
    offer = ShmOffer(segment)
    bell = os.eventfd(0)
    given = [bell, os.dup(segment.readable)] if swapped else [os.dup(segment.readable), os.dup(bell)]
    if not swapped:
        os.dup2(segment.readable, given[1])
        os.close(bell)

    with pytest.raises(NoSharedMemory):
        offer.accept(given)

    segment.close()
    del segment, offer
    assert descriptors() == before


def pair_in_one_process() -> tuple[SegmentArena, ShmLink, SegmentArena, ShmLink]:
    arenas = SegmentArena(Segment()), SegmentArena(Segment())
    offers = [ShmOffer(arena.segment) for arena in arenas]
    given = [[os.dup(each) for each in offer.descriptors] for offer in offers]
    links = [offer.accept(received) for offer, received in zip(offers, reversed(given), strict=True)]
    for arena, link in zip(arenas, links, strict=True):
        arena.join(link)
    return arenas[0], links[0], arenas[1], links[1]
