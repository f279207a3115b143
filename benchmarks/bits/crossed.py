"""Specs that cross models (small and large, chains, images, sequences, formulas) with optimizers, numbers of
shards and both kinds of number; then each model with each further setting. Of each the first steps are run.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

EPOCHS = 2000
"""In a job so long only some steps are looked into."""
Spec = dict[str, Any]


def _layers(*widths: int, between: str = "relu") -> Spec:
    layers: list[Spec] = []
    for inputs, outputs in pairwise(widths):
        layers += [{"type": "linear", "in": inputs, "out": outputs}, {"type": between}]
    return {"layers": layers[:-1]}


def _rows(rows: int, columns: int, classes: int = 0) -> Spec:
    """Made-up rows, their targets classes or, without any, values."""
    random = np.random.default_rng(rows * columns)
    x = random.standard_normal((rows, columns), dtype=np.float32)
    y = random.integers(0, classes, rows) if classes else random.standard_normal((rows, 1))
    return {"inline": {"x": x.tolist(), "y": y.tolist()}}


DIGITS: Spec = {"data": {"builtin": "digits", "standardize": True}, "loss": "cross_entropy"}
IMAGES = [
    {"type": "unflatten", "shape": [1, 8, 8]},
    {"type": "conv2d", "in": 1, "out": 8, "kernel_size": 3, "padding": 1},
    {"type": "batch_norm_2d", "num_features": 8},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "conv2d", "in": 8, "out": 16, "kernel_size": 3, "padding": 1},
    {"type": "relu"},
    {"type": "dropout", "p": 0.25},
    {"type": "flatten"},
    {"type": "linear", "in": 256, "out": 10},
]
TOKENS = [
    {"type": "embedding", "num_embeddings": 17, "embedding_dim": 4},
    {"type": "flatten"},
    {"type": "unflatten", "shape": [8, 32]},
    {"type": "lstm", "in": 32, "hidden": 16, "output": "last"},
    {"type": "linear", "in": 16, "out": 10},
]
MODELS: dict[str, Spec] = {
    "line": {
        "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
        "data": {"inline": {"x": [1, 2, 3, 4, 5, 6, 7, 8], "y": [6, 8, 10, 12, 14, 16, 18, 21]}},
        "loss": "mse",
        "batch_size": "full",
    },
    "curve": {
        "model": {"expression": "a*sin(w*x) + b*x + c", "parameters": {"a": 1, "w": 1.2, "b": 0, "c": 0}},
        "data": {"generator": "quadratic", "size": 100, "noise": 0.1, "seed": 3},
        "loss": "half_sse",
        "batch_size": 40,
    },
    "small": DIGITS | {"model": _layers(64, 32, 10), "batch_size": 64},
    "full": {
        "model": _layers(64, 32, 10),
        "data": _rows(64, 64, 10),
        "loss": "cross_entropy",
        "batch_size": "full",
    },
    "tanh": DIGITS | {"model": _layers(64, 48, 31, 10, between="tanh"), "batch_size": 61},
    "values": {
        "model": _layers(13, 64, 1, between="silu"),
        "data": _rows(200, 13),
        "loss": "huber",
        "batch_size": 96,
    },
    "odd": {
        "model": _layers(301, 257, 129, 7),
        "data": _rows(157, 301, 7),
        "loss": "cross_entropy",
        "batch_size": 77,
    },
    "middle": {
        "model": _layers(784, 256, 128, 10),
        "data": _rows(128, 784, 10),
        "loss": "cross_entropy",
        "batch_size": "full",
    },
    "gathered": {
        "model": _layers(784, 256, 10),
        "data": _rows(300, 784, 10),
        "loss": "cross_entropy",
        "batch_size": 128,
    },
    "images": DIGITS | {"model": {"layers": IMAGES}, "batch_size": 60},
    "tokens": {
        "model": {"layers": TOKENS},
        "data": {"builtin": "digits"},
        "loss": "cross_entropy",
        "batch_size": 50,
    },
}
LARGE: dict[str, Spec] = {
    "large": {
        "model": _layers(784, 1024, 1024, 10),
        "data": _rows(256, 784, 10),
        "loss": "cross_entropy",
        "batch_size": "full",
    },
    "tall": {
        "model": _layers(784, 512, 10),
        "data": _rows(800, 784, 10),
        "loss": "cross_entropy",
        "batch_size": "full",
    },
}
OPTIMIZERS: dict[str, Spec] = {
    "sgd": {"type": "sgd", "learning_rate": 0.01},
    "sgd-momentum": {"type": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    "sgd-nesterov": {"type": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "sgd-dampening": {"type": "sgd", "momentum": 0.9, "dampening": 0.1},
    "sgd-decay": {"type": "sgd", "learning_rate": 0.01, "weight_decay": 0.01},
    "adam": {"type": "adam"},
    "adam-amsgrad": {"type": "adam", "amsgrad": True, "weight_decay": 0.01, "betas": [0.8, 0.99]},
    "adamw": {"type": "adamw", "learning_rate": 0.002},
    "nadam": {"type": "nadam"},
    "nadam-decoupled": {"type": "nadam", "weight_decay": 0.01, "decoupled_weight_decay": True},
    "rmsprop": {"type": "rmsprop", "learning_rate": 0.001},
    "rmsprop-centered": {
        "type": "rmsprop",
        "learning_rate": 0.001,
        "momentum": 0.5,
        "centered": True,
        "weight_decay": 0.01,
    },
    "adagrad": {"type": "adagrad", "lr_decay": 0.01, "initial_accumulator_value": 0.1, "weight_decay": 0.01},
    "lion": {"type": "lion", "weight_decay": 0.01},
}
FURTHER: dict[str, Spec] = {
    "clip-norm": {"clip": {"norm": 0.5}},
    "clip-value": {"clip": {"value": 0.001}},
    "penalty": {"penalty": {"l1": 0.001, "l2": 0.01}},
    "cosine": {"schedule": {"type": "cosine", "t_max": 9, "per": "step"}},
    "one-cycle": {"schedule": {"type": "one_cycle"}},
    "plateau": {"schedule": {"type": "reduce_on_plateau", "patience": 0, "threshold": 0.5}},
    "accumulate": {"accumulate": 2},
    "in-order": {"shuffle": False},
    "best": {"stop": {"patience": 5, "restore_best": True}},
    "validated": {"validation_fraction": 0.2},
    "noise": {"augment": [{"type": "noise", "std": 0.1}]},
    "lbfgs": {"optimizer": {"type": "lbfgs", "learning_rate": 0.1, "history_size": 10}, "batch_size": "full"},
}


def crossed_specs() -> Iterator[tuple[str, Spec]]:
    """All specs by name, as a user writes them."""
    yield from _crossed()
    yield from _with_further_settings()
    for model, base in LARGE.items():
        for optimizer in ("sgd", "adam"):
            for shards in (1, 4):
                spec = _spec(base, OPTIMIZERS[optimizer], shards, "float32")
                yield f"{model} {optimizer} {shards} float32", spec


def _crossed() -> Iterator[tuple[str, Spec]]:
    for model, base in MODELS.items():
        for optimizer, settings in OPTIMIZERS.items():
            for shards in (1, 8):
                for dtype in ("float32", "float64"):
                    yield f"{model} {optimizer} {shards} {dtype}", _spec(base, settings, shards, dtype)
        for shards in (2, 4):
            yield f"{model} sgd {shards} float32", _spec(base, OPTIMIZERS["sgd"], shards, "float32")


def _with_further_settings() -> Iterator[tuple[str, Spec]]:
    for model, base in MODELS.items():
        for name, extra in FURTHER.items():
            if (name, base["batch_size"]) == ("accumulate", "full") or (model, name) == ("tokens", "noise"):
                continue
            for optimizer in ("sgd", "adam"):
                for shards in (1, 4):
                    spec = _spec(base, OPTIMIZERS[optimizer], shards, "float32")
                    data = {k: v for k, v in extra.items() if k in ("validation_fraction", "augment")}
                    rest = {k: v for k, v in extra.items() if k not in data}
                    spec |= {"data": spec["data"] | data} | rest
                    yield f"{model} {optimizer} {shards} {name}", spec


def _spec(base: Spec, optimizer: Spec, shards: int, dtype: str) -> Spec:
    return base | {"optimizer": optimizer, "shards": shards, "dtype": dtype, "seed": 5, "epochs": EPOCHS}
