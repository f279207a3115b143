import json
from typing import Any

import pytest
from pydantic import ValidationError

from lockstep.core.ground.errors import SpecError
from lockstep.core.losses.distances import HuberLoss
from lockstep.core.model.layers import walk
from lockstep.core.spec import LayersModel, ResolvedSpec, TrainSpec
from lockstep.core.submission import parse_spec, resolve, steps_per_epoch, total_steps
from tests.specs import DIGITS, LINE, changed, linear

FULL: dict[str, Any] = {
    "kind": "train",
    "name": "digits",
    "metadata": {"team": "a", "<list>": "x"},
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 32, "bias": False},
            [{"type": "leaky_relu", "negative_slope": 0.2}, [{"type": "elu", "alpha": 0.5}]],
            {"type": "softplus", "beta": 2, "threshold": 10},
            {"type": "linear", "in": 32, "out": 10},
        ],
        "initial_weights": {"3.bias": [0.1] * 10},
    },
    "data": {
        "builtin": "digits",
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "standardize": True,
        "augment": [{"type": "noise", "std": 0.5}],
    },
    "loss": "cross_entropy",
    "optimizer": {
        "type": "adam",
        "learning_rate": 0.01,
        "betas": [0.8, 0.99],
        "eps": 1e-7,
        "weight_decay": 0.1,
        "amsgrad": True,
    },
    "schedule": {
        "type": "step",
        "warmup_steps": 10,
        "warmup_start_factor": 0.1,
        "per": "step",
        "step_size": 30,
        "gamma": 0.5,
    },
    "clip": {"norm": 1.0, "value": None},
    "penalty": {"l1": 0.001, "l2": 0.01},
    "epochs": 20,
    "batch_size": 64,
    "shuffle": False,
    "seed": 7,
    "dtype": "float64",
    "workers": 2,
    "shards": 4,
    "stop": {"loss_below": 0.001, "patience": 5, "min_delta": 0.01, "restore_best": True},
}


def never_draws() -> int:
    raise AssertionError("the seed was given")


@pytest.mark.parametrize("raw", [FULL, DIGITS, LINE, changed(LINE, batch_size="full", loss="huber")])
def test_a_spec_survives_json(raw: dict[str, Any]) -> None:
    spec = parse_spec(raw)
    assert TrainSpec.model_validate_json(spec.model_dump_json()) == spec
    assert parse_spec(spec.model_dump(mode="json")) == spec
    resolved = resolve(spec, lambda: 3)
    assert ResolvedSpec.model_validate_json(resolved.model_dump_json()) == resolved


def test_what_was_written_comes_back() -> None:
    dumped = parse_spec(FULL).model_dump(mode="json")
    assert {key: dumped[key] for key in FULL} == {
        **FULL,
        "model": {**dumped["model"], "initial_weights": {"3.bias": [0.1] * 10}},
    }
    assert dumped["model"]["layers"][1] == [
        {"type": "leaky_relu", "negative_slope": 0.2},
        [{"type": "elu", "alpha": 0.5}],
    ]


def test_defaults() -> None:
    spec = parse_spec(LINE)
    assert (spec.kind, spec.name, spec.metadata, spec.shuffle, spec.workers) == ("train", None, {}, True, 1)
    assert (spec.seed, spec.dtype, spec.shards) == (None, None, None)
    assert (spec.data.test_fraction, spec.data.validation_fraction, spec.data.standardize) == (0, 0, False)
    assert (spec.stop.loss_below, spec.stop.patience) == (None, None)
    assert (spec.epochs, spec.batch_size) == (10, 32)


def test_resolve_fills_only_what_is_open() -> None:
    line, digits = resolve(parse_spec(LINE), lambda: 11), resolve(parse_spec(DIGITS), lambda: 12)
    assert (line.seed, line.dtype, line.shards) == (11, "float64", 1)
    assert (digits.seed, digits.dtype, digits.shards) == (12, "float32", 1)
    full = resolve(parse_spec(FULL), never_draws)
    assert (full.seed, full.dtype, full.shards) == (7, "float64", 4)


@pytest.mark.parametrize(
    ("batch_size", "shards"),
    [(63, 1), (64, 1), (127, 1), (128, 2), (255, 2), (256, 4), (511, 4), (512, 8), (1024, 8), ("full", 8)],
)
def test_default_shards_follow_the_real_batch(batch_size: int | str, shards: int) -> None:
    assert resolve(parse_spec(changed(DIGITS, batch_size=batch_size)), lambda: 0).shards == shards


def test_a_batch_is_never_larger_than_the_data() -> None:
    spec = changed(DIGITS, data={"builtin": "iris"}, model=linear(4, 3), batch_size=10_000)
    assert resolve(parse_spec(spec), lambda: 0).shards == 2


def test_steps() -> None:
    spec = parse_spec(DIGITS)
    assert steps_per_epoch(spec) == 23  # 1797 - 359 = 1438 rows in batches of 64
    assert total_steps(spec) == 460
    assert total_steps(parse_spec(changed(DIGITS, batch_size="full"))) == 20
    assert total_steps(parse_spec(changed(DIGITS, batch_size=5000))) == 20


def test_layers_are_named_as_in_torch() -> None:
    model = parse_spec(FULL).model
    assert isinstance(model, LayersModel)
    assert [(pointer, name, layer.type) for pointer, name, layer in walk(model.layers, "/model/layers")] == [
        ("/model/layers/0", "0", "linear"),
        ("/model/layers/1/0", "1.0", "leaky_relu"),
        ("/model/layers/1/1/0", "1.1.0", "elu"),
        ("/model/layers/2", "2", "softplus"),
        ("/model/layers/3", "3", "linear"),
    ]


def test_a_bare_loss_is_short_for_its_defaults() -> None:
    assert parse_spec(changed(LINE, loss="huber")).loss == HuberLoss(type="huber", delta=1.0)
    spec = parse_spec(changed(LINE, loss={"type": "huber", "delta": 2}))
    assert spec.model_dump(mode="json")["loss"] == {"type": "huber", "delta": 2.0}
    assert parse_spec(changed(LINE, loss={"type": "mse"})).model_dump(mode="json")["loss"] == "mse"


def test_whole_floats_are_whole_numbers() -> None:
    assert parse_spec(changed(DIGITS, epochs=1e3, seed=7.0)).epochs == 1000


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse_spec(LINE).epochs = 3  # type: ignore[misc]  # that it is refused is the point


def test_limits_show_in_the_schema() -> None:
    for mode in ("validation", "serialization"):
        schema = TrainSpec.model_json_schema(mode=mode)
        text = json.dumps(schema)
        for limit in ('"maximum": 1000000', '"maxLength": 512', '"maxLength": 200', '"maximum": 64'):
            assert limit in text
        epochs = schema["properties"]["epochs"]
        assert (epochs["minimum"], epochs["maximum"], epochs["default"]) == (1, 1_000_000, 10)
        assert schema["additionalProperties"] is False
        assert "how many times" in epochs["description"]
    assert '"huber"' in json.dumps(TrainSpec.model_json_schema()["properties"]["loss"])


def test_the_error_holds_every_problem() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, epochs=0, workers="2", seed=-1))
    assert [problem.pointer for problem in caught.value.problems] == ["/epochs", "/seed", "/workers"]
    assert "/epochs: expected" in str(caught.value)
