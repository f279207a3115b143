"""What is trained: five models, each on one batch of made-up rows over and over, and one of them on digits

in batches whose rows are gathered anew at each step.

All contestants start from the same weights and see the same rows. While speed is measured the learning rate
is tiny: a fixed batch learned to the end would leave denormal numbers, on which some are slow and some cheat.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lockstep.core.data.batches import Batches

OptimizerName = Literal["sgd", "adam"]
OPTIMIZERS: tuple[OptimizerName, ...] = ("sgd", "adam")

TINY_RATES: Mapping[OptimizerName, float] = {"sgd": 1e-7, "adam": 1e-8}
CHECK_RATES: Mapping[OptimizerName, float] = {"sgd": 0.01, "adam": 0.001}
CHECK_STEPS = 5
SEED = 1
EPOCHS_OF_ORDERS = 8
"""So many epochs' orders of rows are made before the start, for those who take them from here."""
DIGITS = Path(__file__).parents[2] / "core" / "data" / "files" / "digits.npz"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One model and its rows.

    `steps` is how long a job of it is taken to be: seconds to a minute. `widths`: of an MLP, else empty.
    `chunk`: how many steps who scans takes in one call; it lasts some milliseconds, so the call itself costs
    nothing to speak of. `rows` are those of a step; where `batches` is above 1, an epoch has so many steps.
    """

    name: str
    title: str
    model: Mapping[str, Any]
    rows: int
    columns: int
    steps: int
    chunk: int
    batches: int = 1
    classes: int = 10
    widths: tuple[int, ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def is_regression(self) -> bool:
        """Whether the targets are values, not classes."""
        return self.classes == 0

    @property
    def dtype(self) -> str:
        """The kind of number."""
        return "float64" if self.is_regression else "float32"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows: x (rows, columns), y (rows,) class numbers or (rows, 1) values."""
        if self.is_regression:
            return np.array([[1.0], [2.0]]), np.array([[6.0], [8.0]])
        if self.batches > 1:
            with np.load(DIGITS) as arrays:
                rows = self.rows * self.batches
                return arrays["x"][:rows].astype(np.float32) / 16, arrays["y"][:rows].astype(np.int64)
        random = np.random.default_rng(0)
        x = random.standard_normal((self.rows, self.columns), dtype=np.float32)
        return x, random.integers(0, self.classes, self.rows)

    def order(self) -> np.ndarray | None:
        """The rows of each step (steps, rows) of some epochs, as Lockstep takes them; None for all."""
        if self.batches == 1:
            return None
        batches = Batches(self.rows * self.batches, self.rows, shuffle=True, seed=SEED)
        return np.stack([batches.rows_of(step) for step in range(EPOCHS_OF_ORDERS * self.batches)])

    def weights(self) -> dict[str, np.ndarray]:
        """Where all start, by their names in the state_dict: normal, of variance 2 / inputs; biases 0."""
        if self.is_regression:
            return {"a": np.array(4.0), "b": np.array(1.0)}
        random = np.random.default_rng(1)
        return {
            name: (random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
            if len(shape) > 1
            else np.zeros(shape, np.float32)
            for name, shape in self.shapes.items()
        }

    def spec(self, optimizer: OptimizerName, rate: float, shards: int = 1) -> dict[str, Any]:
        """The job as a user writes it."""
        x, y = self.data()
        return {
            "model": self.model,
            "data": {"inline": {"x": x.tolist(), "y": y.tolist()}},
            "loss": "mse" if self.is_regression else "cross_entropy",
            "optimizer": {"type": optimizer, "learning_rate": rate},
            "epochs": self.steps // self.batches,
            "batch_size": "full" if self.batches == 1 else self.rows,
            "dtype": self.dtype,
            "seed": SEED,
            "shards": shards,
        }


def mlp(name: str, widths: tuple[int, ...], rows: int, **sizes: int) -> Workload:
    """Linear layers with relu between them; `sizes` are fields of Workload."""
    layers: list[dict[str, Any]] = []
    shapes: dict[str, tuple[int, ...]] = {}
    for inputs, outputs in pairwise(widths):
        shapes |= {f"{len(layers)}.weight": (outputs, inputs), f"{len(layers)}.bias": (outputs,)}
        layers += [{"type": "linear", "in": inputs, "out": outputs}, {"type": "relu"}]
    return Workload(
        name=name,
        title=f"{'-'.join(map(str, widths))}, "
        + (
            f"{sizes['batches']} batches of {rows} digits in a new order each epoch"
            if "batches" in sizes
            else f"batch {rows}"
        ),
        model={"layers": layers[:-1]},
        rows=rows,
        columns=widths[0],
        widths=widths,
        shapes=shapes,
        **sizes,
    )


_CONVOLUTIONS: list[dict[str, Any]] = [
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

WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            name="line",
            title="a*x + b, 2 rows, float64",
            model={"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
            rows=2,
            columns=1,
            classes=0,
            steps=1_000_000,
            chunk=100_000,
        ),
        mlp("digits", (64, 32, 10), rows=64, steps=200_000, chunk=1000),
        mlp("batches", (64, 32, 10), rows=64, steps=224_000, chunk=28 * EPOCHS_OF_ORDERS, batches=28),
        mlp("mlp784", (784, 256, 128, 10), rows=128, steps=20_000, chunk=20),
        mlp("mlp1024", (784, 1024, 1024, 10), rows=256, steps=2_000, chunk=5),
        Workload(
            name="cnn",
            title="1x28x28, conv8-pool-conv16-pool-fc10, batch 64",
            model={"layers": _CONVOLUTIONS},
            rows=64,
            columns=784,
            steps=5_000,
            chunk=10,
            shapes={
                "1.weight": (8, 1, 3, 3),
                "1.bias": (8,),
                "4.weight": (16, 8, 3, 3),
                "4.bias": (16,),
                "8.weight": (10, 784),
                "8.bias": (10,),
            },
        ),
    )
}
