"""Losses of yes and no: every output is a question of its own."""

import numpy as np

from lockstep.core.losses.base import Loss, LossSite, flat
from lockstep.core.losses.spec import BinaryCrossEntropyLoss, HingeLoss


class BinaryCrossEntropy(Loss):
    """Σ of ln(1 + e^z) - z y from logits z and targets y in 0..1, divided by the number of elements.

    Computed as max(z, 0) - z y + ln(1 + e^-|z|), which neither overflows nor cancels.
    """

    name = "binary_cross_entropy"

    def forward(self, site: LossSite) -> None:
        """Eight passes over what is mostly one column."""
        z, y = site.output, site.values
        small, top, product = (site.buffer(z) for _ in range(3))
        site.call(np.abs, z, small)
        site.call(np.negative, small, small)
        site.call(np.exp, small, small)
        site.call(np.log1p, small, small)
        site.call(np.maximum, z, site.full(z, 0.0), out=top)
        site.call(np.multiply, z, y, product)
        site.call(np.subtract, top, product, top)
        site.call(np.add, top, small, top)
        site.sum(flat(top), site.total)

    def gradient(self, site: LossSite) -> None:
        """(sigmoid(z) - y) / denominator; e^-z may overflow to infinity, which gives the right 0."""
        sigmoid = append_sigmoid(site)
        site.call(np.subtract, sigmoid, site.values, sigmoid)
        site.call(np.multiply, sigmoid, site.divided(1.0), site.gradient)


def append_sigmoid(site: LossSite) -> np.ndarray:
    """Append 1 / (1 + e^-output); give the array."""
    one, sigmoid = site.number(1.0), site.buffer(site.output)
    site.call(np.negative, site.output, sigmoid)
    site.call(np.exp, sigmoid, sigmoid)
    site.call(np.add, sigmoid, one, sigmoid)
    site.call(np.divide, one, sigmoid, sigmoid)
    return sigmoid


class WeightedBinaryCrossEntropy(Loss):
    """Σ of (1 - y) z + (1 + (p - 1) y) ln(1 + e^-z), p being pos_weight; divided by the number of elements.

    ln(1 + e^-z) is computed as ln(1 + e^-|z|) + max(-z, 0).
    """

    name = "binary_cross_entropy"

    def forward(self, site: LossSite) -> None:
        """With n = -z: (1 + (p - 1) y) (ln(1 + e^-|n|) + max(n, 0)) - (1 - y) n."""
        spec = site.settings(BinaryCrossEntropyLoss)
        z, y = site.output, site.values
        small, negated, factor, rest = (site.buffer(z) for _ in range(4))
        extra, one = site.buffer(z), site.number(1.0)
        extra[...] = np.array(spec.pos_weight, site.dtype) - 1.0
        site.kept |= {"factor": factor, "rest": rest}
        site.call(np.negative, z, negated)
        site.call(np.abs, z, small)
        site.call(np.negative, small, small)
        site.call(np.exp, small, small)
        site.call(np.log1p, small, small)
        site.call(np.multiply, extra, y, factor)
        site.call(np.add, factor, one, factor)
        site.call(np.subtract, one, y, rest)
        self._sum(site, negated, small)

    def _sum(self, site: LossSite, negated: np.ndarray, small: np.ndarray) -> None:
        top, zero = site.buffer(negated), site.full(negated, 0.0)
        site.call(np.maximum, negated, zero, out=top)
        site.call(np.add, top, small, top)
        site.call(np.multiply, top, site.kept["factor"], top)
        site.call(np.multiply, negated, site.kept["rest"], negated)
        site.call(np.subtract, top, negated, top)
        site.sum(flat(top), site.total)

    def gradient(self, site: LossSite) -> None:
        """((1 - y) - (1 + (p - 1) y) (1 - sigmoid(z))) / denominator."""
        sigmoid = append_sigmoid(site)
        site.call(np.subtract, sigmoid, site.number(1.0), sigmoid)
        site.call(np.multiply, sigmoid, site.kept["factor"], sigmoid)
        site.call(np.add, sigmoid, site.kept["rest"], sigmoid)
        site.call(np.multiply, sigmoid, site.divided(1.0), site.gradient)


class Hinge(Loss):
    """Σ of max(0, margin - t z), divided by the number of elements; t is 1 for a target above 0, else -1.

    Where margin = t z the gradient is 0.
    """

    name = "hinge"

    def forward(self, site: LossSite) -> None:
        """The signs t come of the targets 0 and 1 as of -1 and 1."""
        side, cost = site.buffer(site.output), site.buffer(site.output)
        site.kept |= {"side": side, "cost": cost}
        site.call(np.subtract, site.values, site.number(0.5), side)
        site.call(np.copysign, site.number(1.0), side, side)
        site.call(np.multiply, site.output, side, cost)
        site.call(np.subtract, site.number(site.settings(HingeLoss).margin), cost, cost)
        site.call(np.maximum, cost, site.full(cost, 0.0), out=cost)
        site.sum(flat(cost), site.total)

    def gradient(self, site: LossSite) -> None:
        """-t / denominator where it costs something, else 0."""
        cost = site.kept["cost"]
        site.call(np.sign, cost, cost)
        site.call(np.multiply, cost, site.kept["side"], cost)
        site.call(np.multiply, cost, site.divided(-1.0), site.gradient)
