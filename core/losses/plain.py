"""Losses without settings: squares and distances of values."""

from typing import ClassVar, Literal

import numpy as np

from lockstep.core.losses.base import Loss, LossSpec
from lockstep.core.losses.readings import Values
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import AnyNumbers
from lockstep.core.model.notation import Notation


class PlainLoss(LossSpec):
    """A loss without settings.

    mse: mean of squares over all elements; half_sse: half their sum; sse: their sum; mae: mean of distances.
    """

    type: Literal["mse", "half_sse", "sse", "mae"]


class _Squares(Loss[PlainLoss]):
    """`squares` times Σ (output - y)²."""

    settings = PlainLoss
    mixes = True
    measured = "values"
    targets = AnyNumbers()
    reading = Values()
    squares: ClassVar[float] = 1.0
    stacks = True

    def forward(self, site: LossSite) -> None:
        """The error's product with itself, each shard's apart."""
        errors = site.error().reshape(*site.total.shape, -1)
        for shard in np.ndindex(site.total.shape):
            site.call(np.dot, errors[shard], errors[shard], site.total[(*shard, ...)])

    def gradient(self, site: LossSite) -> None:
        """2 squares (output - y) / denominator."""
        site.call(np.multiply, site.error(), site.divided(2.0 * self.squares), flat(site.gradient))


class MeanSquares(_Squares):
    """Σ (output - y)², divided by the number of elements."""

    name = "mse"
    aliases = ("mean_squared_error", "l2_loss", "squared_error")
    formula = Notation("loss = Σ r² / n", ("∂loss/∂r = 2 r / n",))
    mean = "elements"


class SumOfSquares(_Squares):
    """Σ (output - y)²."""

    name = "sse"
    aliases = ()
    formula = Notation("loss = Σ r²", ("∂loss/∂r = 2 r",))
    mean = "none"


class HalfSumOfSquares(_Squares):
    """½ Σ (output - y)²."""

    name = "half_sse"
    aliases = ()
    formula = Notation("loss = ½ Σ r²", ("∂loss/∂r = r",))
    mean = "none"
    squares = 0.5

    def forward(self, site: LossSite) -> None:
        """Half of the error's product with itself."""
        super().forward(site)
        site.call(np.multiply, site.total, site.number(self.squares), site.total)


class MeanAbsolute(Loss[PlainLoss]):
    """Σ |output - y|, divided by the number of elements; gradient 0 where they are equal."""

    name = "mae"
    settings = PlainLoss
    aliases = ("mean_absolute_error", "l1", "l1_loss")
    formula = Notation("loss = Σ |ŷ - y| / n", ("∂loss/∂ŷ = sign(ŷ - y) / n",))
    mean = "elements"
    mixes = True
    measured = "values"
    targets = AnyNumbers()
    reading = Values()

    def forward(self, site: LossSite) -> None:
        """The error's product with its sign."""
        error = site.error()
        sign = site.kept["sign"] = site.buffer(error)
        site.call(np.sign, error, sign)
        site.call(np.dot, error, sign, site.total)

    def gradient(self, site: LossSite) -> None:
        """sign(output - y) / denominator."""
        site.call(np.multiply, site.kept["sign"], site.divided(1.0), flat(site.gradient))
