"""Losses of values that are squares near the target and lines far from it."""

from abc import abstractmethod
from typing import Literal

import numpy as np

from lockstep.core.losses.base import Loss, LossSpec, S
from lockstep.core.losses.readings import Values
from lockstep.core.losses.settings import Positive
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import AnyNumbers
from lockstep.core.model.notation import Notation


class HuberLoss(LossSpec):
    """Half the square up to the distance delta, beyond it delta * (distance - delta / 2); elements' mean."""

    type: Literal["huber"]
    delta: Positive = 1.0
    """the distance from which on the loss grows along a line"""


class SmoothL1Loss(LossSpec):
    """Half the square / beta up to the distance beta, beyond it distance - beta / 2; elements' mean."""

    type: Literal["smooth_l1"]
    beta: Positive = 1.0
    """the distance from which on the loss grows along a line"""


class _SquareThenLine(Loss[S]):
    """Σ of ½ e² / s where |e| <= limit, else limit (|e| - ½ limit) / s, divided by the number of elements."""

    mean = "elements"
    mixes = True
    measured = "values"
    targets = AnyNumbers()
    reading = Values()

    @abstractmethod
    def limit_and_scale(self) -> tuple[float, float]:
        """From which distance on the loss grows along a line, and s."""

    def forward(self, site: LossSite) -> None:
        """With c = e cut to ±limit, both cases are c (e - ½ c) / s."""
        error, (limit, scale) = site.error(), self.limit_and_scale()
        cut, rest = site.buffer(error), site.buffer(error)
        site.kept["cut"] = cut
        site.call(np.minimum, error, site.full(error, limit), out=cut)
        site.call(np.maximum, cut, site.full(error, -limit), out=cut)
        site.call(np.multiply, cut, site.number(0.5), rest)
        site.call(np.subtract, error, rest, rest)
        site.call(np.dot, cut, rest, site.total)
        if scale != 1.0:
            site.call(np.divide, site.total, site.number(scale), site.total)

    def gradient(self, site: LossSite) -> None:
        """The cut error / (s denominator)."""
        _, scale = self.limit_and_scale()
        site.call(np.multiply, site.kept["cut"], site.divided(1.0 / scale), flat(site.gradient))


class Huber(_SquareThenLine[HuberLoss]):
    """Σ of ½ e² where |e| <= delta, else delta (|e| - ½ delta), divided by the number of elements."""

    name = "huber"
    settings = HuberLoss
    aliases = ()
    formula = Notation(
        "loss = Σ ½ r² / n where |r| <= delta, else delta (|r| - ½ delta) / n, r = ŷ - y",
        ("∂loss/∂ŷ = r cut to ±delta, / n",),
    )

    def limit_and_scale(self) -> tuple[float, float]:
        """Delta and 1."""
        return self.spec.delta, 1.0


class SmoothL1(_SquareThenLine[SmoothL1Loss]):
    """Σ of ½ e² / beta where |e| <= beta, else |e| - ½ beta, divided by the number of elements."""

    name = "smooth_l1"
    settings = SmoothL1Loss
    aliases = ("smooth_l1_loss",)
    formula = Notation(
        "loss = Σ ½ r² / beta / n where |r| <= beta, else (|r| - ½ beta) / n, r = ŷ - y",
        ("∂loss/∂ŷ = r / beta cut to ±1, / n",),
    )

    def limit_and_scale(self) -> tuple[float, float]:
        """Beta, twice."""
        return self.spec.beta, self.spec.beta
