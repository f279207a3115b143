"""Limits to the gradient, taken once for the whole batch, between the tree and the optimizer."""

from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from lockstep.core.ground.calls import BoundCalls
from lockstep.core.ground.fields import Real, SpecModel, refuse
from lockstep.core.optim.base import BLOCK, Limits, Terms, blocks

EPSILON = 1e-6
"""What torch.nn.utils.clip_grad_norm_ adds to the norm."""


Limit = Annotated[Real, Field(gt=0, le=1e30)]


class Clip(SpecModel):
    """Limits the whole batch's gradient, penalties included, before the optimizer sees it. One of the two."""

    norm: Limit | None = None
    """the longest that the gradient of all parameters together may be; as torch.nn.utils.clip_grad_norm_"""
    value: Limit | None = None
    """the largest that any element may be, to either side; as torch.nn.utils.clip_grad_value_"""

    @model_validator(mode="after")
    def _has_one(self) -> "Clip":
        if (self.norm is None) == (self.value is None):
            came = "neither" if self.norm is None else "both"
            refuse("one_of", f'expected either "norm" or "value", got {came}; write {{"norm": 1.0}}, for one')
        return self


class Clipping(BoundCalls):
    """Limits a gradient (P,) in place, as torch.nn.utils.clip_grad_norm_ or clip_grad_value_.

    The caller keeps numpy's warnings off.

    norm: g *= min(1, norm / (√Σg² + 1e-6)), over all parameters together. value: each element is moved into
    [-value, value].
    """

    def __init__(self, spec: Clip) -> None:
        super().__init__()
        self._spec = spec

    def apply(self, gradient: np.ndarray) -> None:
        """Limit the gradient."""
        for call in self.calls_on(gradient):
            call()

    def bind(self, array: np.ndarray) -> None:
        """See BoundCalls."""
        if self._spec.norm is not None:
            self._limit_norm(self._spec.norm, array)
        if self._spec.value is not None:
            limits = Limits(self._spec.value, min(BLOCK, array.size), array.dtype)
            for block in blocks(array.size):
                self._calls += limits.bound(array[block], array[block])

    def _limit_norm(self, norm: float, gradient: np.ndarray) -> None:
        limit, epsilon, one = (np.array(value, gradient.dtype) for value in (norm, EPSILON, 1.0))
        pieces = [gradient[block] for block in blocks(gradient.size)]
        terms = Terms(len(pieces), gradient.dtype)
        factor = np.zeros((), gradient.dtype)
        self._calls += [
            *(partial(np.dot, piece, piece, cell) for piece, cell in zip(pieces, terms.cells, strict=True)),
            terms.add,
            partial(np.sqrt, terms.total, factor),
            partial(np.add, factor, epsilon, factor),
            partial(np.divide, limit, factor, factor),
            partial(np.minimum, factor, one, out=factor),
            *(partial(np.multiply, piece, factor, piece) for piece in pieces),
        ]
