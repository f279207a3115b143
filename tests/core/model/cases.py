"""A small model for each layer and each op. What checks every word goes over these."""

import math
from typing import Any

from lockstep.core.model.graph import Graph
from tests.gradcheck import formula, network


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
    "unflatten": _between({"type": "unflatten", "shape": [2, 2, 2]}, FLAT),
    "sequential": _between({"type": "sequential", "layers": [{"type": "tanh"}]}),
    "list": _between([{"type": "linear", "in": 8, "out": 8, "bias": False}]),
    "conv1d": _on([2, 9], CONV1D, FLAT),
    "conv1d odd": _on([2, 9], CONV1D | {"stride": 2, "padding": 1, "groups": 2, "bias": False}, FLAT),
    "conv2d": _on([2, 5, 6], CONV2D, FLAT),
    "conv2d odd": _on([2, 5, 6], CONV2D | ODD, FLAT),
    "max_pool1d": _on([2, 9], CONV1D, {"type": "max_pool1d", "kernel_size": 3, "padding": 1}, FLAT),
    "max_pool2d": _on([2, 5, 6], CONV2D, {"type": "relu"}, {"type": "max_pool2d", **POOL}, FLAT),
    "avg_pool1d": _on([2, 9], CONV1D, {"type": "avg_pool1d", "kernel_size": 3, "padding": 1}, FLAT),
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

FORMULAS: dict[str, str] = {
    "add": "a*x + b",
    "subtract": "b - a*x",
    "multiply": "a*x",
    "divide": "a/x",
    "negate": "-(a*x)",
    "power": "a**x",
    "power_constant": "(a*x)**2",
    **{name: f"{name}(a*x)" for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "abs")},
}
"""By the op that they are there for; `a` and `b` are learned."""
LEARNED = {"a": 0.7, "b": 0.4}


def columns_of(layers: list[Any]) -> int:
    """How many columns a case takes."""
    first = layers[0]
    return math.prod(first["shape"]) if first["type"] == "unflatten" else int(first.get("in", 4))


def graphs() -> dict[str, Graph]:
    """The graphs of all cases."""
    found = {name: network(layers, columns_of(layers)) for name, layers in CASES.items()}
    for op, text in FORMULAS.items():
        names = {name: LEARNED[name] for name in LEARNED if name in text.replace(op, "")}
        found[text] = formula(text, names)
    return found
