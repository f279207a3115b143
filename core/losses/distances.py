"""Losses of values: squares, distances, and what lies between."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from lockstep.core.losses.base import Loss, LossSite, flat
from lockstep.core.losses.spec import HuberLoss, SmoothL1Loss


class MeanSquares(Loss):
    """Σ (output - y)², divided by the number of elements."""

    name = "mse"
    slope: ClassVar[float] = 2.0
    stacks = True

    def forward(self, site: LossSite) -> None:
        """The error's product with itself, each shard's apart."""
        errors = site.error().reshape(*site.total.shape, -1)
        for shard in np.ndindex(site.total.shape):
            site.call(np.dot, errors[shard], errors[shard], site.total[(*shard, ...)])

    def gradient(self, site: LossSite) -> None:
        """2 (output - y) / denominator."""
        site.call(np.multiply, site.error(), site.divided(self.slope), flat(site.gradient))


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
        site.call(np.multiply, site.kept["sign"], site.divided(1.0), flat(site.gradient))


class _SquareThenLine(Loss):
    """Σ of ½ e² / s where |e| <= limit, else limit (|e| - ½ limit) / s, divided by the number of elements."""

    @abstractmethod
    def limit_and_scale(self, site: LossSite) -> tuple[float, float]:
        """From which distance on the loss grows along a line, and s."""

    def forward(self, site: LossSite) -> None:
        """With c = e cut to ±limit, both cases are c (e - ½ c) / s."""
        error, (limit, scale) = site.error(), self.limit_and_scale(site)
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
        _, scale = self.limit_and_scale(site)
        site.call(np.multiply, site.kept["cut"], site.divided(1.0 / scale), flat(site.gradient))


class Huber(_SquareThenLine):
    """Σ of ½ e² where |e| <= delta, else delta (|e| - ½ delta), divided by the number of elements."""

    name = "huber"

    def limit_and_scale(self, site: LossSite) -> tuple[float, float]:
        """Delta and 1."""
        return site.settings(HuberLoss).delta, 1.0


class SmoothL1(_SquareThenLine):
    """Σ of ½ e² / beta where |e| <= beta, else |e| - ½ beta, divided by the number of elements."""

    name = "smooth_l1"

    def limit_and_scale(self, site: LossSite) -> tuple[float, float]:
        """Beta, twice."""
        beta = site.settings(SmoothL1Loss).beta
        return beta, beta
