"""Losses: the sum over a shard's rows, and its gradient divided by the whole batch's denominator.

The names, defaults and arithmetic of their PyTorch namesakes; `half_sse` is half the sum of squares.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from core.buffers import aligned
from core.ops.base import Recorder
from core.spec.training import HuberLoss, PlainLoss

LossSpec = PlainLoss | HuberLoss


@dataclass(kw_only=True)
class LossSite(Recorder):
    """A loss inside one plan.

    `output` (rows, outputs) is the model's, `y` the targets, `denominator` () what the whole batch's sum is
    divided by. `forward` writes `total` (), the undivided sum; `gradient` writes `gradient`, like `output`.
    """

    output: np.ndarray
    y: np.ndarray
    denominator: np.ndarray
    total: np.ndarray
    gradient: np.ndarray
    delta: float
    kept: dict[str, np.ndarray] = field(default_factory=dict)

    def divided(self, factor: float) -> np.ndarray:
        """Append the computing of factor / denominator; give the 0-d array."""
        scale = self.number(0.0)
        self.call(np.divide, self.number(factor), self.denominator, scale)
        return scale

    def error(self) -> np.ndarray:
        """Append the computing of output - y, flat; give the array, made once."""
        if "error" not in self.kept:
            error = self.kept["error"] = self.buffer(self.output)
            self.call(np.subtract, self.output, self.y, error)
        return self.kept["error"].reshape(-1)


class Loss(ABC):
    """One kind of loss: its sum and, beside it, its gradient.

    `rows_last`: it wants the output in memory as (outputs, rows). `classes`: the targets are class numbers
    (rows,) int64, else (rows, outputs) like the output. `mean`: what the sum is divided by.
    """

    name: ClassVar[str]
    rows_last: ClassVar[bool] = False
    classes: ClassVar[bool] = False
    mean: ClassVar[str] = "elements"

    @abstractmethod
    def forward(self, site: LossSite) -> None:
        """Append the calls that write `site.total`."""

    @abstractmethod
    def gradient(self, site: LossSite) -> None:
        """Append the calls that write `site.gradient`; those of `forward` come before them."""

    def targets(self, output: np.ndarray) -> np.ndarray:
        """Room for the targets of `output`."""
        if self.classes:
            return aligned(output.shape[:1], np.dtype(np.int64))
        return aligned(output.shape, output.dtype)


class MeanSquares(Loss):
    """Σ (output - y)², divided by the number of elements."""

    name = "mse"
    slope: ClassVar[float] = 2.0

    def forward(self, site: LossSite) -> None:
        """The error's product with itself."""
        error = site.error()
        site.call(np.dot, error, error, site.total)

    def gradient(self, site: LossSite) -> None:
        """2 (output - y) / denominator."""
        site.call(np.multiply, site.error(), site.divided(self.slope), site.gradient.reshape(-1))


class SumOfSquares(MeanSquares):
    """Σ (output - y)²."""

    name = "sse"
    mean = "none"


class HalfSumOfSquares(MeanSquares):
    """½ Σ (output - y)²."""

    name = "half_sse"
    mean = "none"
    slope = 1.0

    def forward(self, site: LossSite) -> None:
        """Half of the error's product with itself."""
        super().forward(site)
        site.call(np.multiply, site.total, site.number(0.5), site.total)


class MeanAbsolute(Loss):
    """Σ |output - y|, divided by the number of elements; gradient 0 where they are equal."""

    name = "mae"

    def forward(self, site: LossSite) -> None:
        """The error's product with its sign."""
        error = site.error()
        sign = site.kept["sign"] = site.buffer(error)
        site.call(np.sign, error, sign)
        site.call(np.dot, error, sign, site.total)

    def gradient(self, site: LossSite) -> None:
        """sign(output - y) / denominator."""
        site.call(np.multiply, site.kept["sign"], site.divided(1.0), site.gradient.reshape(-1))


class Huber(Loss):
    """Σ of ½ e² where |e| <= delta, else delta (|e| - ½ delta), divided by the number of elements."""

    name = "huber"

    def forward(self, site: LossSite) -> None:
        """With c = e cut to ±delta, both cases are c (e - ½ c)."""
        error = site.error()
        cut, rest = site.buffer(error), site.buffer(error)
        site.kept["cut"] = cut
        site.call(np.minimum, error, site.full(error, site.delta), out=cut)
        site.call(np.maximum, cut, site.full(error, -site.delta), out=cut)
        site.call(np.multiply, cut, site.number(0.5), rest)
        site.call(np.subtract, error, rest, rest)
        site.call(np.dot, cut, rest, site.total)

    def gradient(self, site: LossSite) -> None:
        """The cut error / denominator."""
        site.call(np.multiply, site.kept["cut"], site.divided(1.0), site.gradient.reshape(-1))


class CrossEntropy(Loss):
    """Σ of ln Σ_k e^(z_k) - z_class over the rows, from logits z; divided by the number of rows.

    The largest logit is taken off each row before the exponential, so nothing overflows.
    """

    name = "cross_entropy"
    rows_last = True
    classes = True
    mean = "rows"

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (outputs, rows), so all reductions run along the rows."""
        logits = site.output.T
        ones, rows = np.ones(len(logits), site.dtype), logits.shape[1]
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        row, chosen, sums = (aligned(rows, site.dtype) for _ in range(3))
        place, numbers = np.empty(rows, np.intp), np.arange(rows)
        site.kept |= {"shares": shares, "sums": sums, "place": place}
        site.call(np.maximum.reduce, logits, 0, None, row)
        site.call(np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        site.call(np.matmul, ones, shares, sums)
        site.call(np.log, sums, row)
        # The place of each row's class in the flat (outputs, rows) array.
        site.call(np.multiply, site.y, np.array(rows), place)
        site.call(np.add, place, numbers, place)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, row)
        site.sum(row, site.total)

    def gradient(self, site: LossSite) -> None:
        """(softmax(z) - [k = class]) / denominator."""
        shares, sums, place = site.kept["shares"], site.kept["sums"], site.kept["place"]
        gradient = site.gradient.T
        one, chosen = site.divided(1.0), site.buffer(sums)
        flat = gradient.reshape(-1)
        site.call(np.divide, one, sums, sums)
        site.call(np.multiply, shares, sums, gradient)
        site.call(flat.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, one, chosen)
        site.call(flat.put, place, chosen, "clip")


class BinaryCrossEntropy(Loss):
    """Σ of ln(1 + e^z) - z y from logits z and targets y in 0..1, divided by the number of elements.

    Computed as max(z, 0) - z y + ln(1 + e^-|z|), which neither overflows nor cancels.
    """

    name = "binary_cross_entropy"

    def forward(self, site: LossSite) -> None:
        """Eight passes over what is mostly one column."""
        z, y = site.output, site.y
        small, top, product = (site.buffer(z) for _ in range(3))
        site.call(np.abs, z, small)
        site.call(np.negative, small, small)
        site.call(np.exp, small, small)
        site.call(np.log1p, small, small)
        site.call(np.maximum, z, site.full(z, 0.0), out=top)
        site.call(np.multiply, z, y, product)
        site.call(np.subtract, top, product, top)
        site.call(np.add, top, small, top)
        site.sum(top.reshape(-1), site.total)

    def gradient(self, site: LossSite) -> None:
        """(sigmoid(z) - y) / denominator; e^-z may overflow to infinity, which gives the right 0."""
        one, scale, sigmoid = site.number(1.0), site.divided(1.0), site.buffer(site.output)
        site.call(np.negative, site.output, sigmoid)
        site.call(np.exp, sigmoid, sigmoid)
        site.call(np.add, sigmoid, one, sigmoid)
        site.call(np.divide, one, sigmoid, sigmoid)
        site.call(np.subtract, sigmoid, site.y, sigmoid)
        site.call(np.multiply, sigmoid, scale, site.gradient)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            MeanSquares(),
            SumOfSquares(),
            HalfSumOfSquares(),
            MeanAbsolute(),
            Huber(),
            CrossEntropy(),
            BinaryCrossEntropy(),
        )
    }
)


def loss_of(spec: LossSpec) -> Loss:
    """The loss that a spec names."""
    return LOSSES[spec.type]


def delta_of(spec: LossSpec) -> float:
    """The setting of `huber`; 1, and not used, for the others."""
    return spec.delta if isinstance(spec, HuberLoss) else 1.0


def denominator(loss: LossSpec, rows: int, outputs: int) -> float:
    """What a whole batch's loss sum is divided by: its elements, its rows, or 1."""
    return {"elements": float(rows * outputs), "rows": float(rows), "none": 1.0}[loss_of(loss).mean]
