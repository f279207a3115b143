"""Several shards through one call: each of them with the bits of a call of its own, and so the whole."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lockstep.core.engine.step
from lockstep.core.data.batches import Batches
from lockstep.core.engine.plan import Plan, stacks
from lockstep.core.engine.step import StepData, StepWork
from lockstep.core.ground.shards import Block, TreeSum, blocks_of
from lockstep.core.learning.loading import load_dataset
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from tests.core.learning.training_jobs import DIGITS, finished, resolved, training
from tests.gradcheck import loss, network

pytestmark = pytest.mark.bits

LOSSES = ("cross_entropy", "mse", "sse", "half_sse")
FUNCTIONS = ("relu", "tanh", "sigmoid", "silu", "elu", "softplus", "leaky_relu", "identity")


def model(random: np.random.Generator, widest: int) -> tuple[list[object], int]:
    """Up to three layers of random widths, with random functions between and perhaps behind them."""
    widths = random.integers(1, widest, size=random.integers(2, 5)).tolist()
    layers: list[object] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers.append({"type": "linear", "in": inputs, "out": outputs})
        layers += [{"type": str(name)} for name in random.choice(FUNCTIONS, size=random.integers(0, 3))]
    return layers, widths[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("widest", "most_rows", "seed"),
    [(60, 70, seed) for seed in range(60)] + [(9, 800, seed) for seed in range(20)],
)
def test_each_shard_has_the_bits_of_a_plan_of_its_own(
    widest: int, most_rows: int, seed: int, dtype: str
) -> None:
    random = np.random.default_rng(seed)
    layers, columns = model(random, widest)
    graph = network(layers, columns)
    rows, shards = int(random.integers(1, most_rows + 1)), int(random.choice([2, 4, 8]))
    spec = loss(str(random.choice(LOSSES)))
    parameters = Parameters(graph, np.dtype(dtype))
    parameters.flat[:] = random.normal(size=graph.size)
    assert stacks(spec, rows, parameters)
    stacked = np.full((shards, graph.size + 1), np.nan, dtype)
    alone = np.full(graph.size + 1, np.nan, dtype)
    plan, single = Plan(spec, rows, parameters, stacked), Plan(spec, rows, parameters, alone)
    plan.x[...] = random.normal(size=plan.x.shape)
    if spec.type == "cross_entropy":
        plan.y[...] = random.integers(0, graph.outputs, plan.y.shape)
    else:
        plan.y[...] = random.normal(size=plan.y.shape)
    plan.denominator[()] = single.denominator[()] = rows * shards

    with np.errstate(all="ignore"):
        plan.run()
        for shard in range(shards):
            mine = slice(shard * rows, (shard + 1) * rows)
            single.x[...], single.y[...] = plan.x[mine], plan.y[mine]
            single.run()
            assert stacked[shard].tobytes() == alone.tobytes()


def work(batch: int, shards: int) -> StepWork:
    raw = DIGITS | {"batch_size": batch, "shards": shards}
    spec = resolved(raw)
    dataset = load_dataset(spec)
    graph = build_graph(spec.model, dataset.columns)
    parameters = Parameters(graph, np.dtype(spec.dtype))
    parameters.initialize(3)
    batches = Batches(dataset.train.rows, batch, spec.shuffle, spec.seed)
    return StepWork(spec, graph, parameters, StepData(dataset.train, batches))


def one_by_one(work: StepWork, block: Block) -> np.ndarray:
    """The block's sum without stacks."""
    tree = TreeSum(work.width, work.dtype)
    out, leaf = np.empty(work.width, work.dtype), np.empty(work.width, work.dtype)
    tree.start(out)
    for shard in block.leaves():
        assert work.partial(Block(shard, 1), leaf)
        tree.add(Block(shard, 1), leaf)
    assert tree.finish()
    return out


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 12), height=st.integers(1, 4), world=st.integers(1, 5), rank=st.integers(0, 4))
def test_whoever_owns_which_shards(rows: int, height: int, world: int, rank: int) -> None:
    shards = 2**height
    each, blocks = work(rows * shards, shards), blocks_of(min(rank, world - 1), world, shards)
    each.select(1)
    for block in blocks:
        out = np.empty(each.width, each.dtype)
        with np.errstate(all="ignore"):
            assert each.partial(block, out)
            assert out.tobytes() == one_by_one(each, block).tobytes()
    assert bool(each._stacks) == any(block.count > 1 for block in blocks)


@pytest.mark.parametrize("changes", [{}, {"batch_size": 64, "shards": 2}, {"dtype": "float64"}])
def test_a_job_ends_with_the_same_digest(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batches of 96 rows are stacked; the last one of an epoch, which is uneven, is not."""
    raw = DIGITS | {"batch_size": 96} | changes
    stacked = finished(training(raw))
    monkeypatch.setattr(lockstep.core.engine.step, "stacks", lambda *_: False)
    plain = finished(training(raw))

    assert any(stacked._work._stacks.values())
    assert not any(plain._work._stacks.values())
    assert stacked.outcome().weights_sha256 == plain.outcome().weights_sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"accumulate": 2, "batch_size": 48},
        {"data": DIGITS["data"] | {"augment": [{"type": "noise", "std": 0.1}]}},
        {"batch_size": 97},
        {"batch_size": 3},
        {"loss": "multi_margin"},
        {"model": {"layers": [{"type": "dropout"}, {"type": "linear", "in": 64, "out": 10}]}},
    ],
    ids=["pieces", "augmentation", "uneven", "empty", "another loss", "no chain"],
)
def test_other_jobs_have_none(changes: dict[str, Any]) -> None:
    """Shards that are not alike, or that this loss or model can't take together."""
    trained = training(DIGITS | {"shards": 4, "batch_size": 96} | changes)

    trained.advance(2)

    assert not any(trained._work._stacks.values())


@pytest.mark.parametrize("spare", [0, -1])
def test_inputs_of_so_many_bytes_are_kept_with_their_ones(
    spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = work(64, 1)
    part = each._data.part
    monkeypatch.setattr("lockstep.core.engine.fast.stack.MAX_COPIED_BYTES", part.x.nbytes + spare)
    each.select(0)

    plan = each.ready()

    assert plan.x_with_ones is not None
    assert ("x_with_ones" in vars(part)) == (spare == 0)


@pytest.mark.parametrize("places", [1, 2, 3])
def test_so_many_places_are_known_to_a_plan(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With that of `one_by_one`. What goes to others goes the long way, to the same bits."""
    monkeypatch.setattr("lockstep.core.engine.fast.stack.MAX_LANDINGS", 3)
    monkeypatch.setattr("lockstep.core.engine.fast.stack.PATIENCE", 0)
    each = work(63, 2)
    each.select(0)
    outs = [np.empty(each.width, each.dtype) for _ in range(places)]

    with np.errstate(all="ignore"):
        for _ in range(3):
            assert all(each.partial(Block(0, 2), out) for out in outs)
        expected = one_by_one(each, Block(0, 2))

    assert {out.tobytes() for out in outs} == {expected.tobytes()}
    assert {len(loaded._landings) for loaded in each._plans_into_leaf.values()} == {min(places + 1, 3)}
