"""Of forged frames, handshakes and visits none is taken, and none costs memory. More of them: `make fuzz`."""

import tracemalloc
from dataclasses import replace
from random import Random

from lockstep.core.group.refusals import Refusals
from tests.core.group.fuzzing.__main__ import main
from tests.core.group.fuzzing.conversation import converse
from tests.core.group.fuzzing.forgeries import FORGERIES
from tests.core.group.fuzzing.victims import (
    Tally,
    forge_frames,
    forge_handshakes,
    forge_visits,
    is_refused,
)

FRAMES = 7_000
MOST_BYTES = 4 * 1024 * 1024  # of one channel and one conversation; lengths of up to 4 GB are claimed


def test_no_forged_frame_is_taken() -> None:
    tally = Tally()
    forge_frames(FRAMES, Random(1), tally)
    assert tally.taken == []
    assert tally.tried == dict.fromkeys(FORGERIES, FRAMES // len(FORGERIES))
    assert set(tally.refused) == {"magic", "binding", "sequence", "kind", "length", "seal"}


def test_what_is_claimed_costs_no_memory() -> None:
    forge_frames(100, Random(2), Tally())
    tracemalloc.start()
    try:
        forge_frames(1_000, Random(3), Tally())
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def test_no_forged_handshake_is_taken() -> None:
    tally = Tally()
    forge_handshakes(3_000, Random(4), tally)
    assert tally.taken == []
    assert {"proof", "greeting", "version"} >= set(tally.refused) >= {"proof", "greeting"}


def test_no_forged_visit_is_let_in_and_each_is_counted() -> None:
    tally = Tally()
    forge_visits(600, Random(5), tally)
    assert tally.taken == []
    assert tally.refused.total() == 600
    assert set(tally.refused) == {"greeting", "version", "proof", "hung_up"}


def test_what_is_real_is_taken_and_what_is_taken_though_forged_is_noticed() -> None:
    """So that the tests above can't pass for a victim that takes nothing, or an eye that sees nothing."""
    conversation = converse(Random(6))
    stream = b"".join(conversation.frames)
    assert is_refused(conversation, stream, Refusals())  # all six are real, and taken
    other = converse(Random(7))
    deceived = replace(conversation, payloads=other.payloads, shaken=other.shaken)
    assert not is_refused(deceived, b"".join(other.frames), Refusals())


def test_the_command() -> None:
    assert main(["--frames", "300", "--seed", "8"]) == 0
