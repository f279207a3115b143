"""Copies of a plan's arrays, one for each shard."""

import numpy as np

from lockstep.core.engine.fast.lanes import Lanes, Used, lanes_within
from lockstep.core.ground.buffers import aligned

FLOAT = np.dtype("float32")


def used() -> tuple[Used, dict[str, np.ndarray]]:
    partial = np.zeros(10, FLOAT)
    named = {
        "values": aligned((6, 5), FLOAT),
        "constant": np.arange(5, dtype=FLOAT),
        "bias": partial[4:6],
        "loss": partial[9:],
    }
    named["values"][:, -1] = 1.0
    low = partial.ctypes.data
    return (
        Used(
            arrays=[*named.values(), named["values"][:, :-1].T],
            written=[named["values"], named["bias"], named["loss"]],
            partial=partial,
            apart=[(low + 16, low + 24), (low + 36, low + 40)],
        ),
        named,
    )


def lanes_of(most: int = 10**6) -> tuple[Lanes | None, dict[str, np.ndarray]]:
    given, named = used()
    return lanes_within(most, 3, given), named


def test_each_lane_lies_as_the_plan_and_begins_with_its_numbers() -> None:
    lanes, named = lanes_of()
    assert lanes is not None
    values = named["values"]

    stacked = lanes.stacked(values)

    assert stacked.shape == (3, 6, 5)
    assert stacked.flags.c_contiguous
    assert stacked[..., -1].tolist() == [[1.0] * 6] * 3
    inner = lanes.lane(values[:, :-1].T, 2)
    assert inner.strides == values[:, :-1].T.strides
    inner[...] = 7.0
    assert stacked[2, :, :-1].tolist() == [[7.0] * 4] * 6
    assert not stacked[:2, :, :-1].any()
    assert not values[:, :-1].any(), "the plan's own"


def test_what_no_call_writes_is_common_to_all() -> None:
    lanes, named = lanes_of()
    assert lanes is not None

    assert not lanes.is_local(named["constant"])
    assert lanes.lane(named["constant"], 1) is named["constant"]


def test_parts_of_the_partial_lie_side_by_side() -> None:
    lanes, named = lanes_of()
    assert lanes is not None
    lanes.stacked(named["bias"])[...] = [[1, 2], [3, 4], [5, 6]]
    lanes.stacked(named["loss"])[...] = [[7], [8], [9]]

    assert lanes.rest.view(FLOAT).tolist() == [[1, 2, 7], [3, 4, 8], [5, 6, 9]]


def test_more_room_than_is_allowed_is_not_taken() -> None:
    room = 3 * (6 * 5 + 3) * 4

    assert lanes_of(room)[0] is not None
    assert lanes_of(room - 1)[0] is None


def test_a_part_of_the_partial_that_no_lane_has() -> None:
    given, _ = used()
    missing = Used(
        arrays=[*given.arrays, given.partial[5:7]],
        written=given.written,
        partial=given.partial,
        apart=given.apart,
    )

    assert lanes_within(10**6, 3, missing) is None
