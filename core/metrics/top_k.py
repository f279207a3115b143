"""How often the class is among the likeliest."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Whole
from lockstep.core.metrics.base import MetricSpec, OfHits


class TopKAccuracy(MetricSpec):
    """How often the class is among the k with the largest outputs; called "top_3_accuracy" for k = 3."""

    type: Literal["top_k_accuracy"]
    k: Annotated[int, Whole(ge=1)] = 2
    """how many classes may be named"""


class TopK(OfHits):
    """How often the class is among the k with the largest outputs, of equals the later ones."""

    name = "top_k_accuracy"
    aliases = ("top_k",)
    usual = False
    settings = TopKAccuracy
    spec: TopKAccuracy

    @property
    def called(self) -> str:
        """With k in the name."""
        return f"top_{self.spec.k}_accuracy"

    @property
    def order(self) -> int:
        """By k."""
        return self.spec.k

    def problems_with(self, classes: int) -> Iterator[Problem]:
        """A k that leaves no class out."""
        if self.spec.k >= classes:
            message = f"expected k below the number of classes, {classes}, got {self.spec.k}; lower it"
            yield Problem(pointer="/k", code="out_of_range", message=message)

    def value(self, outputs: np.ndarray, targets: np.ndarray) -> int:
        """Targets before which fewer than k classes stand."""
        own = outputs[np.arange(len(targets)), targets][:, np.newaxis]
        later = np.arange(outputs.shape[1]) > targets[:, np.newaxis]
        # Said by what lies behind: so a NaN is before all, as for argmax, and never a hit.
        before = ~((outputs < own) | ((outputs == own) & ~later))
        return int(np.count_nonzero(np.count_nonzero(before, axis=1) < self.spec.k))
