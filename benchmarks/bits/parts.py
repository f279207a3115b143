"""Parts that specs are drawn from: each list has all of its words, with each of their settings.

A layer's widths are letters, to be filled in: W features, V twice as many, H half as many, K classes.
"""

from itertools import product
from typing import Any

Part = dict[str, Any]

ACTIVATIONS: list[Part] = [
    *({"type": name} for name in ("relu", "silu", "sigmoid", "tanh", "relu6", "hardsigmoid", "hardswish")),
    *({"type": name} for name in ("gelu", "softplus", "leaky_relu", "elu", "hardtanh", "identity")),
    {"type": "leaky_relu", "negative_slope": 0.2},
    {"type": "elu", "alpha": 0.7},
    {"type": "gelu", "approximate": "none"},
    {"type": "gelu", "approximate": "tanh"},
    {"type": "softplus", "beta": 2.0, "threshold": 1.5},
    {"type": "hardtanh", "min_val": -0.5, "max_val": 0.8},
    {"type": "dropout", "p": 0.3},
    {"type": "dropout"},
]
LINEAR = {"type": "linear", "in": "W", "out": "W"}
NARROW = {"type": "linear", "in": "V", "out": "W"}
NORM = {"type": "layer_norm", "normalized_shape": ["W"]}
ROWS: list[list[Any]] = [
    *([LINEAR, activation] for activation in ACTIVATIONS),
    *([{"type": name}, LINEAR] for name in ("softmax", "log_softmax")),
    [{"type": "linear", "in": "W", "out": "V", "bias": False}, {"type": "relu"}, NARROW | {"bias": True}],
    [{"type": "batch_norm_1d", "num_features": "W", "eps": 1e-3, "momentum": 0.3}],
    [{"type": "batch_norm_1d", "num_features": "W", "affine": False}],
    [{"type": "batch_norm_1d", "num_features": "W", "affine": True}, {"type": "relu"}],
    [NORM | {"eps": 1e-3}],
    [NORM | {"elementwise_affine": False}],
    [NORM | {"elementwise_affine": True, "bias": False}],
    [{"type": "sequential", "layers": [LINEAR, {"type": "tanh"}]}],
    [[LINEAR, [{"type": "silu"}, LINEAR]]],
    [{"type": "residual", "layers": [LINEAR, {"type": "tanh"}, {"type": "dropout", "p": 0.2}]}],
    [{"type": "concat", "branches": [[LINEAR, {"type": "relu"}], []]}, NARROW],
    [
        {"type": "concat", "dim": 1, "branches": [[LINEAR], [{"type": "residual", "layers": [LINEAR]}]]},
        NARROW,
    ],
]
"""From W features to W."""

CONV2D = {"type": "conv2d", "in": "W", "out": "W", "kernel_size": 3, "padding": 1}
POOL2D = {"kernel_size": 3, "stride": 1, "padding": 1}
IMAGES: list[list[Any]] = [
    *([CONV2D, activation] for activation in ACTIVATIONS[:7]),
    [{"type": "conv2d", "in": "W", "out": "W", "kernel_size": [1, 3], "padding": [0, 1], "groups": "W"}],
    [{"type": "conv2d", "in": "W", "out": "W", "kernel_size": 3, "padding": 2, "dilation": 2, "bias": False}],
    [{"type": "conv2d", "in": "W", "out": "W", "kernel_size": 1, "stride": 1, "bias": True}],
    [{"type": "batch_norm_2d", "num_features": "W", "eps": 1e-3, "momentum": 0.3}, {"type": "relu"}],
    [CONV2D, {"type": "batch_norm_2d", "num_features": "W", "affine": False}],
    [CONV2D, {"type": "batch_norm_2d", "num_features": "W", "affine": True}, {"type": "silu"}],
    [{"type": "max_pool2d"} | POOL2D],
    [{"type": "avg_pool2d"} | POOL2D],
    [{"type": "layer_norm", "normalized_shape": ["W", 6, 6]}],
    [{"type": "residual", "layers": [CONV2D, {"type": "relu"}]}],
    [{"type": "concat", "branches": [[CONV2D], []]}, CONV2D | {"in": "V"}],
]
"""From (W, 6, 6) to the same."""
IMAGE_ENDS: list[tuple[list[Part], tuple[int, int]]] = [
    ([{"type": "conv2d", "in": "W", "out": 3, "kernel_size": 3, "stride": 2, "padding": 1}], (0, 27)),
    ([{"type": "max_pool2d", "kernel_size": 2}], (9, 0)),
    ([{"type": "max_pool2d", "kernel_size": [2, 3], "stride": [2, 1], "padding": [1, 1]}], (24, 0)),
    ([{"type": "avg_pool2d", "kernel_size": 2}], (9, 0)),
    ([{"type": "avg_pool2d", "kernel_size": 3, "stride": 2, "padding": 1}], (9, 0)),
    ([{"type": "adaptive_avg_pool2d", "output_size": [2, 3]}], (6, 0)),
    ([{"type": "adaptive_avg_pool2d", "output_size": 1}], (1, 0)),
    ([{"type": "concat", "dim": 2, "branches": [[], [{"type": "tanh"}]]}], (72, 0)),
    ([{"type": "concat", "dim": 3, "branches": [[], [{"type": "relu"}]]}], (72, 0)),
    (
        [
            {"type": "flatten"},
            {"type": "unflatten", "shape": ["W", 3, 2, 6]},
            {"type": "concat", "dim": 4, "branches": [[], [{"type": "tanh"}]]},
        ],
        (72, 0),
    ),
]
"""From (W, 6, 6) to what, made flat, is a * W + b numbers: (a, b) stands beside."""

CONV1D = {"type": "conv1d", "in": "W", "out": "W", "kernel_size": 3, "padding": 1}
SIGNALS: list[list[Any]] = [
    *([CONV1D, activation] for activation in ACTIVATIONS[7:14]),
    [CONV1D | {"groups": "W"}],
    [CONV1D | {"dilation": 2, "padding": 2, "bias": False}],
    [CONV1D | {"bias": True}],
    [{"type": "batch_norm_1d", "num_features": "W"}, {"type": "tanh"}],
    [{"type": "max_pool1d"} | POOL2D],
    [{"type": "avg_pool1d"} | POOL2D],
    [{"type": "concat", "branches": [[CONV1D], []]}, CONV1D | {"in": "V"}],
    [{"type": "residual", "layers": [CONV1D, {"type": "elu"}]}],
]
"""From (W, 9) to the same."""
SIGNAL_ENDS: list[tuple[list[Part], tuple[int, int]]] = [
    ([{"type": "conv1d", "in": "W", "out": 3, "kernel_size": 3, "stride": 2, "padding": 1}], (0, 15)),
    ([{"type": "max_pool1d", "kernel_size": 3}], (3, 0)),
    ([{"type": "max_pool1d", "kernel_size": 3, "stride": 2, "padding": 1}], (5, 0)),
    ([{"type": "avg_pool1d", "kernel_size": 3}], (3, 0)),
    ([{"type": "avg_pool1d", "kernel_size": 3, "stride": 2, "padding": 1}], (5, 0)),
    ([{"type": "adaptive_avg_pool1d", "output_size": 4}], (4, 0)),
    ([{"type": "concat", "dim": 2, "branches": [[], [{"type": "tanh"}]]}], (18, 0)),
]

ATTENTION: Part = {"type": "multihead_attention", "embed_dim": "W", "num_heads": 2}
ENCODER: Part = {"type": "transformer_encoder_layer", "d_model": "W", "nhead": 2, "dim_feedforward": "V"}
_STATES: Part = {"in": "W", "hidden": "W"}
SEQUENCES: list[list[Any]] = [
    *(
        [{"type": name, "in": "W", "hidden": "H", "bidirectional": True, "num_layers": 2}]
        for name in ("rnn", "lstm", "gru")
    ),
    *([{"type": name, "bias": False} | _STATES] for name in ("rnn", "lstm", "gru")),
    *([{"type": name, "bias": True, "bidirectional": False} | _STATES] for name in ("lstm", "gru")),
    *([{"type": name, "output": "sequence"} | _STATES] for name in ("rnn", "lstm", "gru")),
    [{"type": "rnn", "nonlinearity": "relu"} | _STATES],
    [{"type": "rnn", "nonlinearity": "tanh"} | _STATES],
    [ATTENTION],
    [ATTENTION | {"dropout": 0.2, "bias": False}],
    [ATTENTION | {"causal": True, "bias": True}],
    [{"type": "residual", "layers": [ATTENTION | {"causal": False}, LINEAR]}],
    [ENCODER],
    [ENCODER | {"dropout": 0.0, "activation": "gelu", "layer_norm_eps": 1e-4, "causal": True}],
    [ENCODER | {"norm_first": True, "activation": "relu"}],
    [LINEAR, {"type": "gelu"}],
    [NORM],
    [{"type": "softmax"}, LINEAR],
    [{"type": "concat", "dim": 2, "branches": [[], [LINEAR, {"type": "tanh"}]]}, NARROW],
]
"""From (6, W) to the same."""
SEQUENCE_ENDS: list[tuple[list[Part], tuple[int, int]]] = [
    *(
        ([{"type": name, "in": "W", "hidden": 5, "output": "last"}], (0, 5))
        for name in ("rnn", "lstm", "gru")
    ),
    *(
        ([{"type": name, "in": "W", "hidden": 3, "output": "last", "bidirectional": True}], (0, 6))
        for name in ("rnn", "lstm", "gru")
    ),
    ([{"type": "identity"}], (6, 0)),
]

GAINS: list[object] = [0.8, "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
ANY_AXES: list[object] = [
    "ones",
    "zeros",
    {"type": "ones"},
    {"type": "zeros"},
    {"type": "uniform", "a": -0.2, "b": 0.3},
    {"type": "normal", "mean": 0.1, "std": 0.2},
    {"type": "trunc_normal", "mean": 0.0, "std": 0.3, "a": -0.4, "b": 0.5},
    {"type": "constant", "val": 0.05},
]
FANS: list[object] = [
    *({"type": name, "gain": g} for name in ("xavier_uniform", "xavier_normal", "orthogonal") for g in GAINS),
    *(
        {"type": name, "mode": mode, "nonlinearity": gain, "a": 0.1}
        for name, mode, gain in product(
            ("kaiming_uniform", "kaiming_normal"), ("fan_in", "fan_out"), GAINS[1:]
        )
    ),
]
MATRICES: list[object] = [
    *ANY_AXES,
    *FANS,
    {"type": "eye"},
    {"type": "sparse", "sparsity": 0.4},
    {"type": "sparse", "sparsity": 0.5, "std": 0.2},
]
KERNELS: list[object] = [{"type": "dirac"}, {"type": "dirac"}, *FANS]
"""Where parameters start: any, those of two axes, those of convolutions."""
