"""A case: the same training once by Lockstep and once by PyTorch, in float64, and how far they end apart.

Most cases are one call of `against_torch`: a spec without data, a function that builds the module, its loss
and its optimizer, and the rows. Both sides start from the module's weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import Outcome
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve

STEPS = 50
"""Updates that a case compares."""
LIMIT = 1e-9
"""A deviation above this is a failure."""

Arrays = Mapping[str, np.ndarray]
"""Weights and buffers by their names in the state_dict."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """`largest`: max|ours - theirs| over all elements of all arrays; `scale`: max|theirs|."""

    largest: float
    scale: float

    @property
    def relative(self) -> float:
        """max|ours - theirs| / max|theirs|; infinite where either is not finite."""
        value = self.largest / self.scale if self.scale else self.largest
        return value if np.isfinite(value) else np.inf

    @staticmethod
    def between(ours: Arrays, theirs: Arrays) -> "Deviation":
        """Of arrays by name. Raises ValueError where names or shapes differ."""
        shapes = [{name: array.shape for name, array in side.items()} for side in (ours, theirs)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"expected arrays {shapes[1]}, got {shapes[0]}")
        return Deviation(
            largest=max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs),
            scale=max(float(np.abs(array).max()) for array in theirs.values()),
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the table."""

    name: str
    run: Callable[[], Deviation]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What both sides learn from: `x` (rows, columns), `y` class numbers (rows,) or values (rows, outputs).

    The rows come in their order in each epoch; the last batch may be shorter.
    """

    x: np.ndarray
    y: np.ndarray
    batch_size: int | Literal["full"] = "full"

    @property
    def batches(self) -> tuple[slice, ...]:
        """The rows of each step of an epoch."""
        size = len(self.x) if self.batch_size == "full" else self.batch_size
        return tuple(slice(low, low + size) for low in range(0, len(self.x), size))


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What PyTorch trains.

    `loss(outputs, targets)` is a batch's loss (with penalties, if any). `before_update()` runs between
    backward and update (clipping), `after_update(loss)` after each update (a schedule by steps),
    `after_epoch(mean_loss)` after each pass over the rows.
    """

    module: torch.nn.Module
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: torch.optim.Optimizer
    before_update: Callable[[], object] = _nothing
    after_update: Callable[[float], object] = _nothing
    after_epoch: Callable[[float], object] = _nothing


def state(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copies of all arrays of a module's state_dict."""
    return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}


def starts(module: torch.nn.Module) -> dict[str, Any]:
    """Where a module's parameters start, as `model.initial_weights` has them."""
    return {name: parameter.detach().numpy().tolist() for name, parameter in module.named_parameters()}


def train_ours(spec: Mapping[str, Any], rows: Rows, steps: int = STEPS) -> Outcome:
    """Train `spec` (without data) on `rows` for `steps` steps by the path that workers take."""
    x, y = rows.x.reshape(len(rows.x), -1).tolist(), rows.y.tolist()
    raw = {
        "data": {"inline": {"x": x, "y": y}},
        "epochs": -(-steps // len(rows.batches)),
        "batch_size": rows.batch_size,
        "shuffle": False,
        "dtype": "float64",
        "shards": 1,
        "seed": 0,
    }
    resolved = resolve(parse_spec(raw | dict(spec)), lambda: 0)
    training = Training(resolved, load_dataset(resolved), SoloGroup())
    report = training.advance(steps)
    if report.failure is not None:
        raise report.failure
    return training.outcome()


def train_torch(peer: Peer, rows: Rows, steps: int = STEPS) -> None:
    """Train a peer's module in place for `steps` steps."""
    x = torch.from_numpy(np.ascontiguousarray(rows.x))
    y = torch.from_numpy(np.ascontiguousarray(rows.y))
    epoch: list[float] = []
    for step in range(steps):
        batch = rows.batches[step % len(rows.batches)]
        epoch.append(_step(peer, x[batch], y[batch]))
        if len(epoch) == len(rows.batches):
            peer.after_epoch(float(np.mean(epoch)))
            epoch.clear()


def _step(peer: Peer, x: torch.Tensor, y: torch.Tensor) -> float:
    first: list[float] = []

    def closure() -> torch.Tensor:
        peer.optimizer.zero_grad()
        loss = peer.loss(peer.module(x), y)
        loss.backward()
        first.append(loss.item())
        peer.before_update()
        return loss

    peer.optimizer.step(closure)
    peer.after_update(first[0])
    return first[0]


def against_torch(
    name: str, spec: Mapping[str, Any], build: Callable[[], Peer], rows: Rows, steps: int = STEPS
) -> Case:
    """A case that trains `spec` and what `build` gives on the same rows from the same weights.

    `spec` is a job without data; its `model.layers` fit the module, whose weights are the start. `build` runs
    under a fixed seed with float64 as torch's default.
    """

    def run() -> Deviation:
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        peer = build()
        model = dict(spec["model"]) | {"initial_weights": starts(peer.module)}
        ours = train_ours(dict(spec) | {"model": model}, rows, steps)
        train_torch(peer, rows, steps)
        return Deviation.between(ours.weights, state(peer.module))

    return Case(name=name, run=run)


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers to learn from: normal, float64, the same in each run."""
    return np.random.default_rng(seed).standard_normal(shape)


def classes(rows: int, count: int, seed: int = 1) -> np.ndarray:
    """Class numbers below `count`, each of them at least once; int64 (rows,)."""
    drawn = np.random.default_rng(seed).integers(0, count, rows)
    drawn[:count] = np.arange(count)
    return drawn
