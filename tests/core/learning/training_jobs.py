"""Small jobs for tests of the training loop."""

from typing import Any

from lockstep.core.group import Group
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission import parse_spec, resolve
from tests.specs import WHOLE_LINE

DIGITS: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 16},
            {"type": "tanh"},
            {"type": "linear", "in": 16, "out": 10},
        ]
    },
    "data": {"builtin": "digits", "standardize": True, "validation_fraction": 0.2, "test_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "epochs": 2,
    "batch_size": 100,
    "seed": 3,
    "shards": 8,
}
IMAGES: dict[str, Any] = DIGITS | {
    "model": {
        "layers": [
            {"type": "unflatten", "shape": [1, 8, 8]},
            {"type": "conv2d", "in": 1, "out": 4, "kernel_size": 3, "padding": 1},
            {"type": "batch_norm_2d", "num_features": 4},
            {"type": "relu"},
            {"type": "max_pool2d", "kernel_size": 2},
            {"type": "conv2d", "in": 4, "out": 6, "kernel_size": 3, "groups": 2},
            {"type": "silu"},
            {"type": "dropout", "p": 0.3},
            {"type": "flatten"},
            {"type": "batch_norm_1d", "num_features": 24},
            {"type": "linear", "in": 24, "out": 10},
        ]
    },
    "epochs": 12,
    "batch_size": 150,
    "shards": 4,
}
TOKENS: dict[str, Any] = DIGITS | {
    "model": {
        "layers": [
            {"type": "embedding", "num_embeddings": 17, "embedding_dim": 2, "padding_idx": 0},
            {"type": "flatten"},
            {"type": "unflatten", "shape": [8, 16]},
            {"type": "lstm", "in": 16, "hidden": 6, "bidirectional": True},
            {"type": "transformer_encoder_layer", "d_model": 12, "nhead": 2, "dim_feedforward": 16},
            {"type": "gru", "in": 12, "hidden": 8, "output": "last"},
            {"type": "linear", "in": 8, "out": 10},
        ]
    },
    "data": {"builtin": "digits", "validation_fraction": 0.2, "test_fraction": 0.2},
    "epochs": 6,
}
LINE = WHOLE_LINE


def resolved(raw: dict[str, Any]) -> ResolvedSpec:
    return resolve(parse_spec(raw), lambda: 0)


def training(
    raw: dict[str, Any], group: Group | None = None, checkpoint: Checkpoint | None = None
) -> Training:
    spec = resolved(raw)
    return Training(spec, load_dataset(spec), group or SoloGroup(), checkpoint)


def finished(trained: Training, stride: int = 1000) -> Training:
    while not trained.finished:
        report = trained.advance(stride)
        assert report.failure is None, report.failure
    return trained
