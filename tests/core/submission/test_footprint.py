"""The memory of a job as told beforehand, beside what is really taken."""

import gc
import tracemalloc
from typing import Any

import pytest

from lockstep.core.engine.fast import adding, merging, patience
from lockstep.core.ground.words import name_of
from lockstep.core.group.solo import SoloGroup
from lockstep.core.model.layers.activations import Activation
from lockstep.core.run import prepare
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission import parse_job, resolve
from lockstep.core.submission.footprint import footprint

WIDE = {"type": "linear", "in": 64, "out": 1024}
LAST = {"type": "linear", "in": 1024, "out": 1}
SEQUENCE = {"type": "unflatten", "shape": [64, 8]}
IMAGE = {"type": "unflatten", "shape": [1, 16, 32]}
FLAT = {"type": "flatten"}
MODELS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "linear": ([WIDE, {"type": "linear", "in": 1024, "out": 1024}, {"type": "relu"}, LAST], 64),
    "activations": ([WIDE, {"type": "gelu"}, {"type": "dropout"}, {"type": "softplus"}, LAST], 64),
    "norms": (
        [
            WIDE,
            {"type": "batch_norm_1d", "num_features": 1024},
            {"type": "layer_norm", "normalized_shape": [1024]},
            LAST,
        ],
        64,
    ),
    "convolution": (
        [
            IMAGE,
            {"type": "conv2d", "in": 1, "out": 16, "kernel_size": 3, "padding": 1},
            {"type": "relu"},
            {"type": "conv2d", "in": 16, "out": 16, "kernel_size": 3, "padding": 1},
            FLAT,
            {"type": "linear", "in": 8192, "out": 1},
        ],
        512,
    ),
    **{
        kind: (
            [
                SEQUENCE,
                {"type": kind, "in": 8, "hidden": 64, "bidirectional": True, "output": "last"},
                {"type": "linear", "in": 128, "out": 1},
            ],
            512,
        )
        for kind in ("rnn", "lstm", "gru")
    },
    "attention": (
        [
            SEQUENCE,
            {"type": "multihead_attention", "embed_dim": 8, "num_heads": 4, "dropout": 0.1},
            FLAT,
            {"type": "linear", "in": 512, "out": 1},
        ],
        512,
    ),
    "encoder": (
        [
            SEQUENCE,
            {"type": "transformer_encoder_layer", "d_model": 8, "nhead": 2, "dim_feedforward": 64},
            FLAT,
            {"type": "linear", "in": 512, "out": 1},
        ],
        512,
    ),
}
ACTIVATIONS = [name_of(each) for each in Activation.__subclasses__()]
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"type": "sgd"},
    {"type": "sgd", "momentum": 0.9},
    {"type": "rmsprop", "momentum": 0.9, "centered": True},
    {"type": "adagrad"},
    {"type": "adam"},
    {"type": "adam", "amsgrad": True},
    {"type": "nadam"},
    {"type": "lion"},
    {"type": "lbfgs", "history_size": 2},
)


def job(name: str, **changes: Any) -> ResolvedSpec:
    layers, columns = MODELS[name]
    raw = {
        "model": {"layers": layers},
        "data": {"inline": {"x": [[0.5] * columns] * 32, "y": [0.0] * 32}},
        "loss": "mse",
        "optimizer": {"type": "adam"},
        "batch_size": "full",
        "epochs": 2,
        "shards": 2,
    }
    spec = resolve(parse_job(raw | changes), lambda: 1)
    assert isinstance(spec, ResolvedSpec)
    return spec


@pytest.fixture(autouse=True)
def in_the_second_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards go one by one, then together, of which no probe has been run before."""
    monkeypatch.setattr(patience, "PATIENCE", 0)
    monkeypatch.setattr(patience, "_told", set())
    adding.adds_alike.cache_clear()
    merging.found_way.cache_clear()


def taken(spec: ResolvedSpec) -> int:
    """The most bytes that two steps, the evaluations and a checkpoint take."""
    gc.collect()
    tracemalloc.start()
    try:
        run = prepare(spec).start(SoloGroup(), None, None)
        for _ in range(2):
            run.advance(1)
        run.outcome()
        run.checkpoint()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", MODELS)
def test_no_model_takes_less_than_is_told_nor_many_times_more(model: str, dtype: str) -> None:
    spec = job(model, dtype=dtype)

    told, real = footprint(spec).total, taken(spec)

    assert 0.2 * real < told < 1.1 * real


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_each_of_many_activations_in_a_row_counts(kind: str) -> None:
    layers = [WIDE, *[{"type": kind}] * 20, LAST]
    spec = job("linear", model={"layers": layers}, optimizer={"type": "sgd", "learning_rate": 1e-30})

    told, real = footprint(spec).total, taken(spec)

    assert 0.1 * real < told < 1.1 * real


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: "-".join(map(str, one.values())))
def test_what_an_optimizer_remembers_counts(optimizer: dict[str, Any]) -> None:
    spec = job("linear", optimizer=optimizer)

    told, real = footprint(spec).total, taken(spec)

    assert 0.4 * real < told < 1.05 * real


@pytest.mark.parametrize("changes", [{"shards": 4}, {"shards": 8, "dtype": "float64"}])
def test_shards_that_are_worked_on_together_count(changes: dict[str, Any]) -> None:
    """Their rows, and what their gradients are added in."""
    spec = job("linear", optimizer={"type": "sgd"}, **changes)

    told, real = footprint(spec), taken(spec)

    assert told.activations == footprint(job("linear", shards=1, **changes_but_shards(changes))).activations
    assert told.sums > 0
    assert 0.4 * real < told.total < 1.05 * real


def changes_but_shards(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name != "shards"}


@pytest.mark.parametrize("changes", [{"shards": 64}, {"accumulate": 2}])
def test_shards_that_are_not_alike_are_worked_on_one_by_one(changes: dict[str, Any]) -> None:
    spec = job("linear", **({"shards": 16} | changes))

    assert footprint(spec).activations < footprint(job("linear", shards=1)).activations
    assert footprint(spec).sums == 0


def test_more_shards_take_less_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are too large to be worked on together."""
    monkeypatch.setattr("lockstep.core.submission.footprint.MAX_TOGETHER_BYTES", 0)
    one, many = footprint(job("linear", shards=1)), footprint(job("linear", shards=16))

    assert one.activations == 16 * many.activations
    assert (one.rows, one.parameters, one.evaluation) == (many.rows, many.parameters, many.evaluation)
