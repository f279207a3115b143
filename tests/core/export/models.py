"""Models with drawn weights, as a job would leave them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.learning.inference import Predictor, input_columns
from lockstep.core.model.build import assemble, build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import LayersModel, ResolvedSpec
from lockstep.core.submission import parse_spec, resolve
from tests.specs import changed

ROWS = 7
SPEC: dict[str, Any] = {
    "model": {"layers": []},
    "data": {"inline": {"x": [], "y": []}},
    "loss": "mse",
    "optimizer": {"type": "sgd"},
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A spec, weights that fit it, the preprocessing, and rows to ask it about."""

    spec: ResolvedSpec
    weights: dict[str, np.ndarray]
    preprocessing: Preprocessing
    x: np.ndarray

    def predictions(self) -> dict[str, np.ndarray]:
        """What `core.learning.inference` answers for `x`, in numbers."""
        predictor = Predictor(self.spec, self.weights, self.preprocessing)
        x = self.x[:, 0] if self.x.shape[1] == 1 else self.x
        answer = predictor.predict(x.tolist()).items()
        return {name: np.array(values) for name, values in answer if name != "label_names"}


def trained(raw: dict[str, Any]) -> Trained:
    """Draw weights; buffers too get values that differ from their start."""
    spec = resolve(parse_spec(raw), lambda: 3)
    columns = input_columns(spec)
    parameters = Parameters(build_graph(spec.model, columns), np.dtype(spec.dtype))
    parameters.initialize(5)
    random = np.random.default_rng(1)
    for buffer in parameters.buffers.values():
        buffer[...] = random.uniform(1, 4, buffer.shape)
    x = random.normal(1.0, 3.0, (ROWS, columns))
    if any(node.op == "embedding" for node in parameters.graph.nodes):
        x = random.integers(0, 5, (ROWS, columns)).astype(np.float64)
    preprocessing = Preprocessing.fitted_to(x) if spec.data.standardize else Preprocessing()
    return Trained(
        spec=spec, weights=parameters.export(), preprocessing=preprocessing, x=x.astype(spec.dtype)
    )


def _between(*layers: Any) -> list[Any]:
    """On 3 columns, to 2 outputs."""
    return [{"type": "linear", "in": 3, "out": 8}, *layers, {"type": "linear", "in": 8, "out": 2}]


def _on(shape: list[int], *layers: Any) -> list[Any]:
    """On columns in a shape."""
    return [{"type": "unflatten", "shape": shape}, *layers]


FLAT = {"type": "flatten"}
CONV1D = {"type": "conv1d", "in": 2, "out": 4, "kernel_size": 3}
CONV2D = {"type": "conv2d", "in": 2, "out": 4, "kernel_size": 3}
ODD = {"kernel_size": [2, 3], "stride": [2, 1], "padding": [1, 2], "dilation": [1, 2], "groups": 2}
POOL = {"kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 0]}
RECURRENT = {"in": 3, "hidden": 4}
TWO_WAYS = RECURRENT | {"num_layers": 2, "bidirectional": True, "output": "last"}

_ELEMENTWISE: list[dict[str, Any]] = [
    {"type": "identity"},
    {"type": "dropout"},
    {"type": "relu"},
    {"type": "leaky_relu", "negative_slope": 0.2},
    {"type": "elu", "alpha": 0.7},
    {"type": "gelu"},
    {"type": "gelu", "approximate": "tanh"},
    {"type": "sigmoid"},
    {"type": "silu"},
    {"type": "tanh"},
    {"type": "softplus", "beta": 2.0, "threshold": 1.0},
    {"type": "hardtanh", "min_val": -0.5, "max_val": 0.7},
    {"type": "relu6"},
    {"type": "hardsigmoid"},
    {"type": "hardswish"},
    {"type": "softmax"},
    {"type": "log_softmax"},
    {"type": "batch_norm_1d", "num_features": 8},
    {"type": "layer_norm", "normalized_shape": [8]},
    {"type": "layer_norm", "normalized_shape": [8], "bias": False},
    {"type": "layer_norm", "normalized_shape": [8], "elementwise_affine": False},
    {"type": "residual", "layers": [{"type": "linear", "in": 8, "out": 8, "bias": False}]},
]
_SHAPED: dict[str, list[Any]] = {
    "list": _between([{"type": "linear", "in": 8, "out": 8, "bias": False}]),
    "conv1d": _on([2, 9], CONV1D, FLAT),
    "conv1d odd": _on([2, 9], CONV1D | {"stride": 2, "padding": 1, "groups": 2, "bias": False}, FLAT),
    "conv2d": _on([2, 5, 6], CONV2D, FLAT),
    "conv2d odd": _on([2, 5, 6], CONV2D | ODD, FLAT),
    "max_pool1d": _on([2, 9], {"type": "max_pool1d", "kernel_size": 3, "padding": 1}, CONV1D, FLAT),
    "max_pool2d": _on([2, 5, 6], CONV2D, {"type": "relu"}, {"type": "max_pool2d", **POOL}, FLAT),
    "avg_pool1d": _on([2, 9], {"type": "avg_pool1d", "kernel_size": 3, "padding": 1}, CONV1D, FLAT),
    "avg_pool2d": _on([2, 5, 6], CONV2D, {"type": "avg_pool2d", **POOL}, FLAT),
    "adaptive_avg_pool1d": _on([2, 9], CONV1D, {"type": "adaptive_avg_pool1d", "output_size": 3}, FLAT),
    "adaptive_avg_pool2d": _on(
        [2, 5, 6], CONV2D, {"type": "adaptive_avg_pool2d", "output_size": [2, 3]}, FLAT
    ),
    "batch_norm_2d": _on(
        [2, 5, 6], CONV2D, {"type": "batch_norm_2d", "num_features": 4, "affine": False}, FLAT
    ),
    "linear on a sequence": _on([5, 3], {"type": "linear", "in": 3, "out": 2}, FLAT),
    "rnn": _on([5, 3], {"type": "rnn", "nonlinearity": "relu", **RECURRENT}, FLAT),
    "lstm": _on([5, 3], {"type": "lstm", **RECURRENT, "bias": False}, FLAT),
    "gru": _on([5, 3], {"type": "gru", **RECURRENT}, FLAT),
    "rnn two ways": _on([5, 3], {"type": "rnn", **TWO_WAYS}),
    "lstm two ways": _on([5, 3], {"type": "lstm", **TWO_WAYS}),
    "gru two ways": _on([5, 3], {"type": "gru", **TWO_WAYS}),
    "multihead_attention": _on([5, 4], {"type": "multihead_attention", "embed_dim": 4, "num_heads": 2}, FLAT),
    "transformer_encoder_layer": _on(
        [5, 4],
        {
            "type": "transformer_encoder_layer",
            "d_model": 4,
            "nhead": 2,
            "dim_feedforward": 6,
            "causal": True,
            "activation": "gelu",
        },
        FLAT,
    ),
    "embedding": [{"type": "embedding", "num_embeddings": 5, "embedding_dim": 3}, FLAT],
    "concat": _between(
        {"type": "concat", "branches": [[], [{"type": "tanh"}]]}, {"type": "linear", "in": 16, "out": 8}
    ),
}
CASES: dict[str, list[Any]] = {
    " ".join(str(value) for key, value in layer.items() if key != "layers"): _between(layer)
    for layer in _ELEMENTWISE
} | _SHAPED
"""Every layer there is; those behind others see values of both signs."""


def case(name: str, dtype: str) -> dict[str, Any]:
    """A spec of one of the CASES."""
    layers = CASES[name]
    first = layers[0]
    columns = math.prod(first["shape"]) if first["type"] == "unflatten" else first.get("in", 4)
    raw = changed(SPEC, model={"layers": layers}, dtype=dtype)
    graph, _ = assemble(LayersModel.model_validate(raw["model"]), columns)
    assert graph is not None
    numbers = [[0] * count for count in (columns, math.prod(graph.output_shape))]
    return changed(raw, data={"inline": {"x": numbers[:1] * 2, "y": numbers[1:] * 2}})
