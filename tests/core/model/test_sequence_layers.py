"""Layers of sequences as a user meets them: names, shapes, starts, and what does not fit."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.ground.errors import InvalidData
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.inference import Predictor
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.submission import resolve
from lockstep.core.submission.checks import check
from tests.core.learning.training_jobs import resolved
from tests.gradcheck import network, spec_of

UNFLATTEN = {"type": "unflatten", "shape": [4, 3]}


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {parameter.name: parameter.shape for parameter in graph.parameters}


def test_recurrent_parameters_are_those_of_torch() -> None:
    layer = {"type": "lstm", "in": 3, "hidden": 5, "num_layers": 2, "bidirectional": True}

    graph = network([UNFLATTEN, layer], 12)

    found = shapes(graph)
    assert list(found)[:5] == [
        "1.weight_ih_l0",
        "1.weight_hh_l0",
        "1.bias_ih_l0",
        "1.bias_hh_l0",
        "1.weight_ih_l0_reverse",
    ]
    assert found["1.weight_ih_l0"] == (20, 3)
    assert found["1.weight_ih_l1_reverse"] == (20, 10)
    assert found["1.weight_hh_l1"] == (20, 5)
    assert found["1.bias_hh_l1_reverse"] == (20,)
    assert len(found) == 16
    assert graph.output_shape == (4, 10)
    assert graph.nodes[graph.output].name == "1"


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_states_lie_side_by_side(bidirectional: bool) -> None:
    layer = {"type": "gru", "in": 3, "hidden": 5, "bidirectional": bidirectional, "output": "last"}

    graph = network([UNFLATTEN, layer], 12)

    assert graph.output_shape == (10 if bidirectional else 5,)
    assert graph.nodes[graph.output].name == "1"


def test_an_encoder_layer_is_made_of_nodes() -> None:
    layer = {"type": "transformer_encoder_layer", "d_model": 6, "nhead": 2, "dim_feedforward": 7}
    graph = network([{"type": "unflatten", "shape": [2, 6]}, layer], 12)

    ops = [node.op for node in graph.nodes if node.inputs]
    assert shapes(graph) == {
        "1.self_attn.in_proj_weight": (18, 6),
        "1.self_attn.in_proj_bias": (18,),
        "1.self_attn.out_proj.weight": (6, 6),
        "1.self_attn.out_proj.bias": (6,),
        "1.norm1.weight": (6,),
        "1.norm1.bias": (6,),
        "1.linear1.weight": (7, 6),
        "1.linear1.bias": (7,),
        "1.linear2.weight": (6, 7),
        "1.linear2.bias": (6,),
        "1.norm2.weight": (6,),
        "1.norm2.bias": (6,),
    }
    assert ops == [
        *["unflatten", "linear", "attention", "linear", "dropout", "add", "layer_norm"],
        *["linear", "relu", "dropout", "linear", "dropout", "add", "layer_norm"],
    ]
    assert next(node for node in graph.nodes if node.op == "attention").attributes["dropout"] == 0.1


def test_starts() -> None:
    layers: list[object] = [
        {"type": "embedding", "num_embeddings": 400, "embedding_dim": 16, "padding_idx": 7},
        {"type": "layer_norm", "normalized_shape": [16]},
        {"type": "multihead_attention", "embed_dim": 16, "num_heads": 4},
        {"type": "gru", "in": 16, "hidden": 25},
    ]
    parameters = Parameters(network(layers, 3), np.dtype("float64"))
    parameters.initialize(seed=1)
    start = parameters.export()

    rows = np.delete(start["0.weight"], 7, axis=0)
    assert (start["0.weight"][7] == 0).all()
    assert abs(rows.mean()) < 0.05
    assert rows.std() == pytest.approx(1.0, abs=0.05)
    assert (start["1.weight"] == 1).all()
    assert (start["1.bias"] == 0).all()
    assert np.abs(start["2.in_proj_weight"]).max() == pytest.approx(np.sqrt(6 / 64), rel=0.02)
    assert (start["2.in_proj_bias"] == 0).all()
    assert np.abs(start["2.out_proj.weight"]).max() == pytest.approx(0.25, rel=0.03)
    assert (start["2.out_proj.bias"] == 0).all()
    assert np.abs(start["3.weight_hh_l0"]).max() == pytest.approx(0.2, rel=0.02)
    assert np.abs(start["3.bias_ih_l0"]).max() == pytest.approx(0.2, rel=0.1)


X = [[0, 1, 2], [3, 4, 0], [1, 1, 1], [2, 0, 4]]
FLAT: list[object] = [{"type": "flatten"}]
EMBEDDING = {"type": "embedding", "num_embeddings": 5, "embedding_dim": 2}


def problems(layers: list[object], x: object = X, **data: Any) -> list[tuple[str, str, str]]:
    source = {"inline": {"x": x, "y": [0.5] * 4}}
    spec = spec_of({"layers": layers}, data=source | data)
    return [(problem.pointer, problem.code, problem.message) for problem in check(spec)]


def linear(inputs: int, outputs: int) -> dict[str, object]:
    return {"type": "linear", "in": inputs, "out": outputs}


MISFITS: list[tuple[list[object], str, str, str]] = [
    (
        [{"type": "lstm", "in": 3, "hidden": 2}],
        "/model/layers/0",
        "wrong_axes",
        "a sequence [length, features], because the layer works on them, but the data has 3 columns",
    ),
    (
        [EMBEDDING, {"type": "gru", "in": 3, "hidden": 1, "output": "last"}],
        "/model/layers/1/in",
        "width_mismatch",
        'layer "0" gives the shape [3, 2], got 3; set "in" to 2',
    ),
    (
        [EMBEDDING, {"type": "multihead_attention", "embed_dim": 3, "num_heads": 1}],
        "/model/layers/1/embed_dim",
        "width_mismatch",
        'set "embed_dim" to 2',
    ),
    (
        [EMBEDDING, linear(2, 6), {"type": "multihead_attention", "embed_dim": 6, "num_heads": 4}],
        "/model/layers/2/num_heads",
        "not_a_divisor",
        "a number that divides 6, because each head has an equal part of the features, got 4; take 2",
    ),
    (
        [EMBEDDING, linear(2, 6), {"type": "transformer_encoder_layer", "d_model": 6, "nhead": 5}],
        "/model/layers/2/nhead",
        "not_a_divisor",
        "got 5; take 1",
    ),
    (
        [EMBEDDING, {"type": "layer_norm", "normalized_shape": [3]}],
        "/model/layers/1/normalized_shape",
        "shape_mismatch",
        'because layer "0" gives the shape [3, 2], got [3]; take [2]',
    ),
    (
        [linear(3, 2), EMBEDDING],
        "/model/layers/1",
        "not_the_data",
        'layer "0" gives 2 numbers that were computed; put the embedding first',
    ),
    (
        [EMBEDDING | {"padding_idx": 5}],
        "/model/layers/0/padding_idx",
        "out_of_range",
        "below num_embeddings, 5, got 5",
    ),
    (
        [linear(3, 1), {"type": "hardtanh", "min_val": 1, "max_val": 1}],
        "/model/layers/1/min_val",
        "out_of_range",
        "below max_val, 1, got 1",
    ),
    (
        [{"type": "residual", "layers": [linear(3, 2)]}],
        "/model/layers/0/layers",
        "shape_mismatch",
        "layers that give [3], the shape that they take, got [2]",
    ),
    (
        [EMBEDDING, {"type": "concat", "dim": 2, "branches": [[], [{"type": "flatten"}]]}],
        "/model/layers/1/branches",
        "shape_mismatch",
        "along axis 2 alone, got [3, 2], [6]",
    ),
]


@pytest.mark.parametrize(("layers", "pointer", "code", "words"), MISFITS)
def test_misfits(layers: list[object], pointer: str, code: str, words: str) -> None:
    found = problems(layers)

    assert (pointer, code) in [(at, kind) for at, kind, _ in found]
    message = next(message for at, _, message in found if at == pointer)
    assert words in message


WHOLE: list[object] = [EMBEDDING, *FLAT, linear(6, 1)]


@pytest.mark.parametrize("wrong", [5, -1, 0.5])
def test_inputs_that_an_embedding_does_not_know(wrong: float) -> None:
    x = [*X[:2], [1, wrong, 1], X[3]]

    assert not problems(WHOLE)
    assert problems(WHOLE, x) == [
        (
            "/data/inline/x/2/1",
            "not_a_token",
            f"expected whole numbers from 0 to 4 for the embedding, got {wrong:g}; number the inputs from 0, "
            "or raise num_embeddings",
        )
    ]


def test_data_that_is_never_whole_numbers() -> None:
    assert problems(WHOLE, standardize=True)[0][:2] == ("/data/standardize", "needs_whole_numbers")
    layers: list[object] = [EMBEDDING, *FLAT, linear(4, 1)]
    spec = spec_of({"layers": layers}, data={"generator": "moons"})
    assert ("/data/generator", "needs_whole_numbers") in [(p.pointer, p.code) for p in check(spec)]


def test_built_in_data_is_looked_at_when_it_is_loaded() -> None:
    raw = {
        "model": {"layers": [EMBEDDING, *FLAT, linear(8, 3)]},
        "data": {"builtin": "iris"},
        "loss": "cross_entropy",
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
    }
    spec = resolved(raw)

    with pytest.raises(InvalidData, match="whole numbers from 0 to 4 for the embedding, got"):
        Training(spec, load_dataset(spec), SoloGroup())


def test_a_prediction_needs_numbers_that_the_embedding_knows() -> None:
    spec = resolve(spec_of({"layers": WHOLE}, data={"inline": {"x": X, "y": [0.5] * 4}}), lambda: 0)
    training = Training(spec, load_dataset(spec), SoloGroup())
    predictor = Predictor(spec, training.outcome().weights, Preprocessing())

    assert predictor.outputs(np.array([[0.0, 4.0, 2.0]])).shape == (1, 1)
    with pytest.raises(InvalidData, match="from 0 to 4 for the embedding, got 7"):
        predictor.predict([[0, 1, 7]])
