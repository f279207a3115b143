"""What several hundred specs compute, bit for bit: recorded before a change, compared after it.

    python -m benchmarks.bits record FILE [PATTERN ...]
    python -m benchmarks.bits compare FILE [PATTERN ...]

Each spec's digest covers every number of its history (losses, learning rates, gradient norms, ...), its
weights and the optimizer's state, half of its steps being taken by a training that goes on from a checkpoint.
The specs cross models (small and large, chains, images, sequences, formulas) with optimizers, numbers of
shards and both kinds of number; then each model with each further setting. A pattern chooses among their
names. One thread, as a worker has it; files of different numerics fingerprints can't be compared.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
STEPS = (24, 16)
"""Before and after the checkpoint."""
EPOCHS = 2000
"""Of which they are the first: in a long job, that is, of which only some steps are looked into."""
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


def specs() -> Iterator[tuple[str, Spec]]:
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


def digest_of(raw: Spec) -> str:
    """Train a few steps, the second half from a checkpoint; 16 hexadecimal digits of all that came."""
    spec = resolve(parse_spec(raw), lambda: 1)
    dataset = load_dataset(spec)
    digest = hashlib.sha256()
    training = Training(spec, dataset, SoloGroup())
    for steps in STEPS:
        if training.step:
            training = Training(spec, dataset, SoloGroup(), training.checkpoint())
        if training.finished:
            break
        report = training.advance(steps)
        for name in sorted(report.series):
            digest.update(name.encode() + b"\0" + np.asarray(report.series[name].values).tobytes())
        digest.update(repr(report.failure).encode())
    checkpoint = training.checkpoint()
    for name, array in {"": checkpoint.parameters, **checkpoint.optimizer, **checkpoint.buffers}.items():
        digest.update(name.encode() + b"\0" + array.tobytes())
    return digest.hexdigest()[:16]


def main(given: Sequence[str]) -> int:
    """Record, or compare: 1 where a spec computes something else."""
    if any(os.environ.get(name) != number for name, number in ONE_THREAD.items()):
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.bits", *given], os.environ | ONE_THREAD)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bits")
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "patterns", nargs="*", default=["*"], help='of names, such as "small adam*"; default all'
    )
    wanted = parser.parse_args(given)
    found = {
        name: digest_of(raw)
        for name, raw in specs()
        if any(fnmatch(name, pattern) for pattern in wanted.patterns)
    }
    fingerprint = numerics_fingerprint()
    if wanted.what == "record":
        wanted.file.write_text(json.dumps({"fingerprint": fingerprint, "digests": found}, indent=0) + "\n")
        print(f"{len(found)} specs recorded")
        return 0
    known = json.loads(wanted.file.read_text())
    if known["fingerprint"] != fingerprint:
        raise SystemExit(
            "the file was recorded on other numerics (NumPy, BLAS or processor): nothing to compare"
        )
    other = [name for name, digest in found.items() if known["digests"].get(name) != digest]
    print("".join(f"{name}: other bits\n" for name in other), end="")
    print(f"{len(found) - len(other)} of {len(found)} specs compute the same bits")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
