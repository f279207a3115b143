"""Batch norm over one value is refused at submission, as torch refuses it in training; nothing else is."""

import json
import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.batches import Batches
from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.ground.shards import shard_rows
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission import parse_spec, resolve
from tests.core.learning.training_jobs import finished

NORM = {"type": "batch_norm_1d", "num_features": 4}
FEATURES: list[Any] = [{"type": "linear", "in": 4, "out": 4}, NORM, {"type": "linear", "in": 4, "out": 1}]
MODELS: dict[str, tuple[list[Any], list[tuple[str, str]]]] = {
    "features": (FEATURES, [("/model/layers/1", "1")]),
    "nested": (
        [[FEATURES[0], {"type": "residual", "layers": [NORM]}], FEATURES[2]],
        [("/model/layers/0/1/layers/0", "0.1.0")],
    ),
    "in branches": (
        [{"type": "concat", "branches": [[NORM], []]}, {"type": "linear", "in": 8, "out": 1}],
        [("/model/layers/0/branches/0/0", "0.0.0")],
    ),
    "two": ([NORM, *FEATURES], [("/model/layers/0", "0"), ("/model/layers/2", "2")]),
    "one place": (
        [
            {"type": "unflatten", "shape": [4, 1, 1]},
            {"type": "batch_norm_2d", "num_features": 4},
            {"type": "flatten"},
            FEATURES[2],
        ],
        [("/model/layers/1", "1")],
    ),
}
"""Layers whose channels have one value for each row, and where they stand."""
SEVERAL_PLACES: dict[str, list[Any]] = {
    "images": [
        {"type": "unflatten", "shape": [1, 2, 2]},
        {"type": "batch_norm_2d", "num_features": 1},
        {"type": "flatten"},
        FEATURES[2],
    ],
    "signals": [
        {"type": "unflatten", "shape": [2, 2]},
        {"type": "batch_norm_1d", "num_features": 2},
        {"type": "flatten"},
        FEATURES[2],
    ],
    "layer norm": [FEATURES[0], {"type": "layer_norm", "normalized_shape": [4]}, FEATURES[2]],
}


def job(
    layers: list[Any], rows: int, batch: object, shards: int | None, accumulate: int = 1
) -> dict[str, Any]:
    x = np.random.default_rng(1).standard_normal((rows, 4)).tolist()
    raw = {
        "model": {"layers": layers},
        "data": {"inline": {"x": x, "y": [0.5] * rows}},
        "loss": "mse",
        "optimizer": {"type": "sgd"},
        "batch_size": batch,
        "accumulate": accumulate,
        "epochs": 1,
        "seed": 1,
    }
    return raw if shards is None else raw | {"shards": shards}


def problems_of(raw: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        parse_spec(raw)
    except SpecError as error:
        return error.problems
    return ()


def pieces_of(spec: ResolvedSpec, rows: int) -> set[int]:
    """How many rows any piece of any shard of any batch has, as training cuts them."""
    batches = Batches(rows, spec.step_rows, shuffle=False, seed=0)
    found = set()
    for step in range(batches.steps_per_epoch):
        size = len(batches.rows_of(step))
        for shard in range(spec.shards):
            low, high = shard_rows(shard, spec.shards, size)
            for piece in range(spec.accumulate):
                first, end = shard_rows(piece, spec.accumulate, high - low)
                found.add(end - first)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_each_layer_is_named(name: str) -> None:
    layers, places = MODELS[name]
    problems = problems_of(job(layers, 33, 16, 1))

    assert [(problem.pointer, problem.code) for problem in problems] == [
        (pointer, "one_value_per_channel") for pointer, _ in places
    ]
    for problem, (_, layer) in zip(problems, places, strict=True):
        assert (
            f'layer "{layer}" sees a single row in shard 0 of the last batch, whose 1 rows' in problem.message
        )
        assert 'set "batch_size" to 17, or take layer_norm' in problem.message


@pytest.mark.parametrize("layers", SEVERAL_PLACES.values(), ids=list(SEVERAL_PLACES))
def test_several_values_of_one_row_are_enough(layers: list[Any]) -> None:
    for rows, batch, shards in ((33, 16, 1), (8, 1, 1), (8, 8, 8)):
        assert problems_of(job(layers, rows, batch, shards)) == ()


CUTS = list(product([1, 2, 7, 16, 33, 130], [1, 2, 3, 8, 64, "full"], [None, 1, 2, 8], [1, 3]))


@pytest.mark.parametrize(("rows", "batch", "shards", "accumulate"), CUTS)
def test_refused_is_what_has_a_single_row_somewhere(
    rows: int, batch: Any, shards: int | None, accumulate: int
) -> None:
    raw = job(FEATURES, rows, batch, shards, accumulate)
    plain = resolve(parse_spec(raw | {"model": {"layers": [FEATURES[0], FEATURES[2]]}}), lambda: 0)

    problems = problems_of(raw)

    assert bool(problems) == (1 in pieces_of(plain, rows))
    for problem in problems:
        for key, value in re.findall(r'"(batch_size|shards)" to (\d+|"full")', problem.message):
            assert problems_of(raw | {key: json.loads(value)}) == (), (key, value)


def test_the_message_says_where() -> None:
    (problem,) = problems_of(job(FEATURES, 16, 4, 4, 2))
    assert problem.message == (
        'expected 2 values or more of each channel, got 1: layer "1" sees a single row in piece 0 of shard 0 '
        "of each batch, whose 8 rows are cut into 4 shards of 2 pieces (accumulate); "
        'set "batch_size" to 8, or "shards" to 2, or take layer_norm, which looks at one row at a time'
    )


def test_it_is_the_training_rows_that_count() -> None:
    """34 rows, of which 1 is for the test: 33 are left."""
    raw = job(FEATURES, 34, 16, 1)
    assert problems_of(raw) == ()
    raw["data"]["test_fraction"] = 0.03

    assert [problem.code for problem in problems_of(raw)] == ["one_value_per_channel"]


def test_a_stored_job_goes_on_as_before() -> None:
    """What was accepted before the check trains to its end."""
    raw = job(FEATURES, 33, 16, 1)
    assert problems_of(raw)
    stored = resolve(parse_spec(raw | {"batch_size": 11}), lambda: 0).model_copy(update={"batch_size": 16})
    spec = ResolvedSpec.model_validate_json(stored.model_dump_json(by_alias=True))

    outcome = finished(Training(spec, load_dataset(spec), SoloGroup())).outcome()

    assert np.isfinite(outcome.metrics["train_loss"])
