"""Which frames a helper may send when, and what the lead makes of them."""

import numpy as np
import pytest

from lockstep.core.group.channel import PeerLost
from lockstep.core.group.exchange import Helper
from lockstep.core.group.frames import MAX_REASON_BYTES, FrameKind, ProtocolError
from lockstep.core.group.reduction import CHUNK_BYTES, Reduction
from tests.core.group.conftest import Ends
from tests.core.group.team import Numbers

CHUNK, REST = CHUNK_BYTES, 40


@pytest.fixture
def helper(ends: Ends) -> Helper:
    """Rank 1 of 3 over 8 leaves: it owes two blocks of two chunks each."""
    work = Numbers(8, (CHUNK + REST) // 4)
    reduction = Reduction(work, 3)
    reduction.begin(np.empty(work.width, work.dtype))
    helper = Helper(ends[1], rank=1)
    helper.begin(reduction)
    return helper


def take(helper: Helper, kind: FrameKind, length: int) -> bool:
    assert len(helper.place(kind, length)) == length
    return helper.arrived(kind)


def test_it_owes_its_blocks_chunk_by_chunk(helper: Helper) -> None:
    assert [take(helper, FrameKind.PARTIAL, length) for length in (CHUNK, REST, CHUNK)] == [True] * 3
    assert helper.owes
    assert not take(helper, FrameKind.PARTIAL, REST)
    assert not helper.owes


def test_a_block_may_be_empty(helper: Helper) -> None:
    assert take(helper, FrameKind.EMPTY, 0)
    assert not take(helper, FrameKind.EMPTY, 0)


def test_a_block_that_has_begun_is_not_empty(helper: Helper) -> None:
    take(helper, FrameKind.PARTIAL, CHUNK)
    with pytest.raises(ProtocolError, match="EMPTY"):
        helper.place(FrameKind.EMPTY, 0)


def test_nothing_comes_after_its_part(helper: Helper) -> None:
    take(helper, FrameKind.EMPTY, 0)
    take(helper, FrameKind.EMPTY, 0)
    for kind in (FrameKind.PARTIAL, FrameKind.EMPTY):
        with pytest.raises(ProtocolError, match="may not come now"):
            helper.place(kind, 0)


@pytest.mark.parametrize(
    "kind", [FrameKind.ACCEPTED, FrameKind.WELCOME, FrameKind.STATE, FrameKind.TOTAL, FrameKind.COMMIT]
)
def test_what_only_the_lead_sends_is_refused(helper: Helper, kind: FrameKind) -> None:
    with pytest.raises(ProtocolError, match=kind.name):
        helper.place(kind, 0)


def test_a_goodbye_of_limited_length_may_come_at_any_time(helper: Helper) -> None:
    with pytest.raises(ProtocolError):
        helper.place(FrameKind.OVER, MAX_REASON_BYTES + 1)
    helper.place(FrameKind.OVER, 4)[:] = b"bye\xff"
    with pytest.raises(PeerLost, match="it left: bye\N{REPLACEMENT CHARACTER}"):
        helper.arrived(FrameKind.OVER)
