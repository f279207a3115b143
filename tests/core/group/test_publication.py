"""What a member publishes: taken whole and of the right collective, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Milestone
from lockstep.core.group.publication import (
    MAX_COLLECTIVE,
    MAX_GENERATION,
    OwnBoard,
    PeerBoard,
    parts_of,
    stage_word,
)

stages = st.tuples(
    st.integers(0, 3) | st.integers(0, MAX_GENERATION),
    st.integers(0, 3) | st.integers(0, MAX_COLLECTIVE),
    st.sampled_from(Milestone),
)


def word(stage: tuple[int, int, Milestone]) -> int:
    return stage_word(Stamp(stage[0], stage[1]), stage[2])


def boards(*, ordered: bool = True) -> tuple[OwnBoard, PeerBoard, memoryview]:
    words = memoryview(bytearray(64)).cast("Q")
    return OwnBoard(words), PeerBoard(words.toreadonly(), ordered=ordered), words


@given(stages, stages)
def test_words_have_the_order_of_stages(
    one: tuple[int, int, Milestone], other: tuple[int, int, Milestone]
) -> None:
    assert (word(one) < word(other)) == (one < other)
    assert parts_of(word(one)) == one


@given(stages, stages)
def test_only_the_wanted_collective_and_generation_count(
    published: tuple[int, int, Milestone], wanted: tuple[int, int, Milestone]
) -> None:
    own, peer, _ = boards()

    own.write(word(published), [True])

    same = published[:2] == wanted[:2]
    assert peer.reaches(word(wanted)) == (same and published[2] >= wanted[2])
    assert peer.has_taken(wanted[1]) == (published[1:] >= (wanted[1], Milestone.TAKEN))


@pytest.mark.parametrize("stamp", [Stamp(MAX_GENERATION + 1, 0), Stamp(0, MAX_COLLECTIVE + 1), Stamp(-1, 0)])
def test_a_stage_that_fits_in_no_word_is_an_error(stamp: Stamp) -> None:
    with pytest.raises(OverflowError):
        stage_word(stamp, Milestone.PARTIALS)


def test_half_written_words_are_as_if_they_were_not_there() -> None:
    own, peer, words = boards()
    first, second = word((1, 5, Milestone.PARTIALS)), word((1, 5, Milestone.TOTAL))
    own.write(first, [True])
    whole = list(words)
    own.write(second, [True])
    changed = [place for place in range(len(words)) if whole[place] != words[place]]

    for place in changed:
        words[:] = memoryview(b"".join(w.to_bytes(8, "little") for w in whole)).cast("Q")
        words[place] ^= 1 << 17
        if place < 2:
            assert peer.stage() == 0
            assert not peer.reaches(first)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_no_word_of_a_mad_peer_is_an_error(stage: int, check: int) -> None:
    _, peer, words = boards()
    words[0], words[1] = stage, check

    parts_of(peer.stage())
    words[1] = stage ^ (2**64 - 1)
    parts_of(peer.stage())


def test_where_memory_has_no_order_a_publication_counts_once_its_bell_was_heard() -> None:
    own, peer, _ = boards(ordered=False)
    own.write(word((1, 0, Milestone.PARTIALS)), [True])

    assert peer.is_ringing
    assert not peer.reaches(word((1, 0, Milestone.PARTIALS)))
    peer.heard += 1
    assert peer.reaches(word((1, 0, Milestone.PARTIALS)))
    own.write(word((1, 0, Milestone.TOTAL)), [])
    assert not peer.reaches(word((1, 0, Milestone.TOTAL)))


def test_the_blocks_that_are_there_stay_told_until_others_are() -> None:
    own, peer, _ = boards()
    own.write(word((1, 0, Milestone.PARTIALS)), [True, False, True])
    own.write(word((1, 0, Milestone.TOTAL)), [])

    assert peer.present(4) == (True, False, True, False)
    own.write(word((1, 1, Milestone.PARTIALS)), [False] * 63 + [True])
    assert peer.present(64) == (False,) * 63 + (True,)
