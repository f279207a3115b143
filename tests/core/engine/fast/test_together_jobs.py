"""Whole jobs whose shards go together, and where they do not."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast import patience
from lockstep.core.ground.shards import Block
from tests.core.engine.fast.test_together import SPECS, WIDE, at_once, differences, one_by_one, work
from tests.core.learning.training_jobs import DIGITS, TOKENS, finished, training

pytestmark = [pytest.mark.bits, pytest.mark.usefixtures(at_once.__name__)]


@pytest.mark.parametrize("shards", [2, 8])
@pytest.mark.parametrize(
    "name", ["a chain", "wide", "images, batch norm, dropout", "a transformer that drops"]
)
def test_a_job_ends_with_the_same_digest(name: str, shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batches of 96 rows go together; the last one of an epoch, which is uneven, does not."""
    raw = SPECS[name] | {"batch_size": 96, "shards": shards, "epochs": 2}
    together = finished(training(raw))
    monkeypatch.setattr(patience, "all_together", lambda *_: None)
    plain = finished(training(raw))

    assert any(together._work._together.built.values())
    assert not any(plain._work._together.built.values())
    assert together.outcome().weights_sha256 == plain.outcome().weights_sha256


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (DIGITS, {"accumulate": 2, "batch_size": 48}),
        (DIGITS, {"data": DIGITS["data"] | {"augment": [{"type": "noise", "std": 0.1}]}}),
        (DIGITS, {"batch_size": 97}),
        (DIGITS, {"batch_size": 3}),
        (TOKENS, {}),
    ],
    ids=["pieces", "augmentation", "uneven", "empty", "loops over time"],
)
def test_in_other_jobs_each_goes_by_itself(raw: dict[str, Any], changes: dict[str, Any]) -> None:
    """Shards that are not alike, rows that are changed, calls that hide their arrays."""
    trained = training(raw | {"shards": 4, "batch_size": 96} | changes)

    trained.advance(2)

    assert not any(trained._work._together.built.values())


@pytest.mark.parametrize("spare", [0, -1])
def test_lanes_take_so_much_room_at_most(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    each = work(DIGITS)
    each.select(0)
    with np.errstate(all="ignore"):
        each.partial(Block(0, 4), each.total)
        (one,) = each._together.built.values()
        assert one is not None
        taken = one._lanes.rest.nbytes + sum(region.lanes.nbytes for region in one._lanes._regions.values())
        monkeypatch.setattr("lockstep.core.engine.fast.together.MAX_TOGETHER_BYTES", taken + spare)
        again = work(DIGITS)

        assert differences(again, 4) == 0
    assert all(again._together.built.values()) == (spare == 0)


@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_so_many_places_are_known_to_a_plan(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to others goes by way of an array of the plan's own, to the same bits."""
    monkeypatch.setattr("lockstep.core.engine.fast.together.MAX_LANDINGS", 2)
    each = work(WIDE)
    each.select(0)
    outs = [np.empty(each.width, each.dtype) for _ in range(places)]

    with np.errstate(all="ignore"):
        for _ in range(2):
            assert all(each.partial(Block(0, 4), out) for out in outs)
        expected = one_by_one(each, Block(0, 4))

    assert {out.tobytes() for out in outs} == {expected.tobytes()}
    (one,) = each._together.built.values()
    assert one is not None
    assert len(one._compiled) == min(places, 2)


@pytest.mark.parametrize("spare", [0, -1])
def test_inputs_of_so_many_bytes_are_kept_with_their_ones(
    spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = work(DIGITS, 64, 1)
    part = each._data.part
    monkeypatch.setattr("lockstep.core.engine.fast.loaded_plan.MAX_COPIED_BYTES", part.x.nbytes + spare)
    each.select(0)

    plan = each.ready()

    assert plan.x_with_ones is not None
    assert ("x_with_ones" in vars(part)) == (spare == 0)
