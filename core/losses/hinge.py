"""The hinge loss: every output has to be on the right side by a margin."""

from typing import Literal

import numpy as np

from lockstep.core.losses.base import Loss, LossSpec
from lockstep.core.losses.readings import Sides
from lockstep.core.losses.settings import Positive
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import Refusal, Targets
from lockstep.core.model.notation import Notation


class HingeLoss(LossSpec):
    """max(0, margin - t output), mean over all elements.

    t is 1 for the target 1 and -1 for the targets 0 and -1.
    """

    type: Literal["hinge"]
    margin: Positive = 1.0
    """how far on the right side an output has to be to cost nothing"""


class PlusOrMinus(Targets):
    """All of 0 and 1, or all of -1 and 1."""

    called = "sides"
    fit = frozenset({"two classes"})

    def refused(self, y: np.ndarray) -> Refusal:
        """What is on neither side; where there is a -1, 0 is on none."""
        no = -1.0 if (y == -1).any() else 0.0
        message = (
            "expected 0 or 1 (or -1 or 1 throughout) with hinge, got {}; take one of them, or another loss"
        )
        return Refusal(bad=(y != no) & (y != 1), values=y, code="not_a_side", message=message)


class Hinge(Loss[HingeLoss]):
    """Σ of max(0, margin - t z), divided by the number of elements; t is 1 for a target above 0, else -1.

    Where margin = t z the gradient is 0.
    """

    name = "hinge"
    settings = HingeLoss
    aliases = ("hinge_loss",)
    formula = Notation("loss = max(0, margin - y ŷ)", ("∂loss/∂ŷ = -y where margin > y ŷ, else 0",))
    mean = "elements"
    mixes = False
    measured = "questions"
    targets = PlusOrMinus()
    reading = Sides()
    other = "multi_margin"

    def forward(self, site: LossSite) -> None:
        """The signs t come of the targets 0 and 1 as of -1 and 1."""
        side, cost = site.buffer(site.output), site.buffer(site.output)
        site.kept |= {"side": side, "cost": cost}
        site.call(np.subtract, site.values, site.number(0.5), side)
        site.call(np.copysign, site.number(1.0), side, side)
        site.call(np.multiply, site.output, side, cost)
        site.call(np.subtract, site.number(self.spec.margin), cost, cost)
        site.call(np.maximum, cost, site.full(cost, 0.0), out=cost)
        site.sum(flat(cost), site.total)

    def gradient(self, site: LossSite) -> None:
        """-t / denominator where it costs something, else 0."""
        cost = site.kept["cost"]
        site.call(np.sign, cost, cost)
        site.call(np.multiply, cost, site.kept["side"], cost)
        site.call(np.multiply, cost, site.divided(-1.0), site.gradient)
