"""The hinge loss for class numbers."""

from typing import Annotated, Literal

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.fields import Whole
from lockstep.core.losses.base import Loss, LossSpec, LossWeights
from lockstep.core.losses.readings import Largest
from lockstep.core.losses.settings import ClassWeights, Positive
from lockstep.core.losses.site import LossSite
from lockstep.core.losses.targets import ClassNumbers
from lockstep.core.model.notation import Notation


class MultiMarginLoss(LossSpec):
    """The hinge loss for class numbers, as torch.nn.MultiMarginLoss; mean over the rows.

    For each row weight[class] Σ max(0, margin - output[class] + output[k])^p over the other classes k,
    divided by the number of classes.
    """

    type: Literal["multi_margin"]
    p: Annotated[int, Whole(ge=1, le=2)] = 1
    """the power, 1 or 2"""
    margin: Positive = 1.0
    """by how much the right class has to be ahead to cost nothing"""
    weight: ClassWeights | None = None
    """how much each class counts; the mean stays one over the rows"""


class MultiMargin(Loss[MultiMarginLoss]):
    """Σ over the targets of w_class / C Σ over k ≠ class of max(0, margin - z_class + z_k)^p.

    C is the number of classes, p is 1 or 2. The sum is divided by the number of targets.
    """

    name = "multi_margin"
    settings = MultiMarginLoss
    aliases = ("multiclass_hinge",)
    formula = Notation(
        "loss = Σ max(0, margin - ŷ_y + ŷ_k) / classes, over the k that are not y",
        ("∂loss/∂ŷ_k = 1 / classes where margin - ŷ_y + ŷ_k > 0; for y minus their sum",),
    )
    mean = "targets"
    mixes = False
    measured = "classes"
    targets = ClassNumbers("multi_margin")
    reading = Largest()
    rows_last = True

    @property
    def weights(self) -> LossWeights | None:
        """Those of the classes."""
        given = self.spec.weight
        return None if given is None else LossWeights(key="weight", values=given, each="class")

    def forward(self, site: LossSite) -> None:
        """In memory the outputs are (classes, N), so all reductions run along the targets."""
        spec = self.spec
        outputs, y = site.classes_first(site.output), site.y.reshape(-1)
        classes, rows = outputs.shape
        table = np.full(classes, 1.0 / classes, site.dtype)
        if spec.weight is not None:
            table *= np.array(spec.weight, site.dtype)
        cost, slope = (aligned(outputs.shape, site.dtype) for _ in range(2))
        chosen, each = (aligned(rows, site.dtype) for _ in range(2))
        place = np.empty(rows, np.intp)
        site.kept |= {"cost": cost, "slope": slope, "each": each, "place": place}
        site.exchange(site.output, outputs)
        site.call(np.multiply, y, np.array(rows), place)
        site.call(np.add, place, np.arange(rows), place)
        site.call(outputs.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, site.number(spec.margin), chosen)
        site.call(np.subtract, outputs, chosen, cost)
        site.call(cost.reshape(-1).put, place, site.number(0.0), "clip")
        site.call(np.maximum, cost, site.full(cost, 0.0), out=cost)
        site.call(np.copyto, slope, cost)
        if spec.p == 2:
            site.call(np.multiply, cost, cost, cost)
        site.call(np.matmul, np.ones(classes, site.dtype), cost, chosen)
        site.call(table.take, y, None, each, "clip")
        site.call(np.dot, chosen, each, site.total)

    def gradient(self, site: LossSite) -> None:
        """w_class / C p max(...)^(p - 1) for k ≠ class, for the class minus their sum; / denominator."""
        slope, each, place = (site.kept[key] for key in ("slope", "each", "place"))
        gradient, total = site.classes_first(site.gradient), site.buffer(each)
        squares = self.spec.p == 2
        if not squares:
            site.call(np.sign, slope, slope)
        site.call(np.multiply, each, site.divided(2.0 if squares else 1.0), each)
        site.call(np.multiply, slope, each, gradient)
        site.call(np.matmul, np.ones(len(gradient), site.dtype), gradient, total)
        site.call(np.negative, total, total)
        site.call(gradient.reshape(-1).put, place, total, "clip")
        site.exchange(site.gradient, gradient, back=True)
