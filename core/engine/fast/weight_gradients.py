"""The gradients of the large weights, each lane's added in the shards' tree as it comes."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from lockstep.core.engine.fast.adding import Factored, adds_alike, factored
from lockstep.core.engine.fast.merging import TOGETHER
from lockstep.core.engine.fast.small_products import quickest_product
from lockstep.core.engine.plan import Plan
from lockstep.core.ground.blas import Call, product_added
from lockstep.core.model.ops.base import WeightProduct


def weights_apart(plan: Plan, written: np.ndarray, count: int) -> dict[Factored, WeightProduct]:
    """The gradients that are added as they come: of all lanes they take more room than one call should."""
    found = factored(plan, written).items()
    return {key: each for key, each in found if count * each.out.size > TOGETHER}


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """The products that are the lanes' gradients of one weight, which takes `part` of the whole gradient."""

    factors: tuple[tuple[np.ndarray, np.ndarray], ...]
    part: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weight, as it is stored."""
        a, b = self.factors[0]
        return a.shape[0], b.shape[1]

    def added_into(self, out: np.ndarray, scratch: list[np.ndarray]) -> list[Call]:
        """The calls that leave in `out` (width,), in the weight's part of it, the sum of all lanes' products.

        `scratch` are vectors as long as the weight or longer, one for each level of the tree.
        """
        calls: list[Call] = []
        self._grow((0, len(self.factors)), out[self.part].reshape(self.shape), (scratch, calls))
        return calls

    def _grow(
        self, lanes: tuple[int, int], out: np.ndarray, room: tuple[list[np.ndarray], list[Call]]
    ) -> None:
        """Append the sum of some lanes' products: that of the left half, then the right one's is added."""
        (low, high), (scratch, calls) = lanes, room
        if high - low == 1:
            calls += quickest_product(*self.factors[low], out)
            return
        middle = (low + high) // 2
        self._grow((low, middle), out, room)
        if high - middle == 1 and (adding := _adding(self.factors[middle], out)) is not None:
            calls.append(adding)
            return
        right = scratch[(high - low).bit_length() - 2][: out.size].reshape(out.shape)
        self._grow((middle, high), right, room)
        calls.append(partial(np.add, out, right, out))


def _adding(factors: tuple[np.ndarray, np.ndarray], out: np.ndarray) -> Call | None:
    """The product that adds itself, where it has the bits of a product and an addition."""
    layouts = tuple((factor.shape, factor.strides) for factor in factors)
    call = product_added(np.ones((), out.dtype), *factors, out)
    return call if call is not None and adds_alike((layouts[0], layouts[1]), out.dtype.name) else None
