"""An update that is shared out has the bits of the whole one, whoever moves which slice; it may be redone."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.core.ground.blas import SHORT, WIDEST
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.divided import PIECE, SliceUpdate, UpdateSlot, divisible

pytestmark = pytest.mark.bits
STEPS = 4

SPECS: tuple[dict[str, Any], ...] = (
    {"type": "sgd"},
    {"type": "sgd", "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    {"type": "sgd", "momentum": 0.9, "nesterov": True},
    {"type": "adam"},
    {"type": "adam", "weight_decay": 0.01, "amsgrad": True},
    {"type": "adamw"},
    {"type": "nadam"},
    {"type": "rmsprop"},
    {"type": "rmsprop", "momentum": 0.9, "centered": True},
    {"type": "adagrad"},
    {"type": "lion", "weight_decay": 0.1},
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """An optimizer's caller keeps numpy's warnings off."""
    with np.errstate(all="ignore"):
        yield


def test_every_optimizer_is_told_apart() -> None:
    elementwise = {name for name, kind in OPTIMIZERS.items() if divisible(built({"type": name}, np.ones(3)))}

    assert elementwise == set(OPTIMIZERS) - {"lbfgs"}
    assert elementwise == {spec["type"] for spec in SPECS}


class Divided:
    """A member of a group that shares out the update, with everything in the arrays that it is given."""

    def __init__(self, spec: dict[str, Any], weights: np.ndarray, part: slice) -> None:
        self.weights = weights.copy()
        optimizer = divisible(built(spec, self.weights))
        assert optimizer is not None
        self.optimizer = optimizer
        self.part = part
        slots = [
            UpdateSlot(
                weights=np.full_like(weights, np.nan),
                state={name: np.zeros_like(vector) for name, vector in optimizer.elements.items()},
            )
            for _ in range(2)
        ]
        self.slots = slots[0], slots[1]
        self.update = SliceUpdate(optimizer, part, self.slots, self.weights)


def built(spec: dict[str, Any], weights: np.ndarray) -> Any:
    return OPTIMIZERS[spec["type"]].model_validate(spec).build(weights)


sizes = st.sampled_from([1, WIDEST, SHORT - 1, SHORT, 3 * SHORT + 17, PIECE + 1, 2 * PIECE + 5 * WIDEST + 3])


@settings(max_examples=60, deadline=None)
@given(
    spec=st.sampled_from(SPECS),
    dtype=st.sampled_from([np.float32, np.float64]),
    size=sizes,
    places=st.lists(st.floats(0, 1), max_size=4),
    seed=st.integers(0, 99),
    rate=st.sampled_from([None, 0.02]),
)
def test_any_cut_has_the_bits_of_the_whole(
    spec: dict[str, Any], dtype: Any, size: int, places: list[float], seed: int, rate: float | None
) -> None:
    random = np.random.default_rng(seed)
    start = random.standard_normal(size).astype(dtype)
    cuts = sorted(int(place * (size // WIDEST)) * WIDEST for place in places)
    members = [Divided(spec, start, slice(*ends)) for ends in pairwise([0, *cuts, size])]
    whole = start.copy()
    optimizer = built(spec, whole)
    if rate is not None:
        for each in (optimizer, *(member.optimizer for member in members)):
            each.set_learning_rate(rate)

    for step in range(STEPS):
        gradient = (random.standard_normal(size) * 10.0 ** random.integers(-4, 5, size)).astype(dtype)
        optimizer.step(step, gradient)
        for member in members:
            member.update.run(step, gradient)
            member.update.take_back()
            member.update.run(step, gradient)  # from what was, not from what came
        for member in members:
            for other in members:
                member.weights[other.part] = other.slots[(step + 1) % 2].weights[other.part]

        for member in members:
            assert member.weights.tobytes() == whole.tobytes()
            for name, vector in optimizer.elements.items():
                mine = member.slots[(step + 1) % 2].state[name][member.part]
                assert mine.tobytes() == vector[member.part].tobytes()
            for name in set(optimizer.state) - set(optimizer.elements):
                assert member.optimizer.state[name].tobytes() == optimizer.state[name].tobytes()


def test_only_the_own_slice_is_written() -> None:
    part = slice(WIDEST, 3 * WIDEST)
    member = Divided({"type": "adam"}, np.ones(5 * WIDEST, np.float32), part)
    before = member.weights.copy(), member.slots[0].weights.copy()

    member.update.run(0, np.ones(5 * WIDEST, np.float32))

    np.testing.assert_array_equal(member.weights, before[0])
    np.testing.assert_array_equal(member.slots[0].weights, before[1])
    written = member.slots[1].weights
    assert np.isfinite(written[part]).all()
    assert np.isnan(np.delete(written, np.arange(part.start, part.stop))).all()


def test_a_slice_begins_where_equal_bits_end() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        Divided({"type": "sgd"}, np.ones(500), slice(63, 500))
