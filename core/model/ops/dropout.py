"""Dropout: numbers left out at random."""

import numpy as np

from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import as_onnx
from lockstep.core.model.ops.op import Op


class Dropout(Op):
    """In training y = x / (1 - p) with probability 1 - p, else 0; y = x otherwise. Attribute `p`.

    One random number from [0, 1) for each element, in the order in which y lies in memory: it stays where
    that number is less than 1 - p.
    """

    name = "dropout"
    formula = Notation("{y} = {x} m / (1 - p), m drawn as 0 or 1", ("∂{y}/∂{x} = m / (1 - p)",))
    onnx = as_onnx("Identity")
    elementwise = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """One pass beside the drawing."""
        keep = 1.0 - site.attribute("p")
        if not site.training or keep == 1.0:
            if site.y is not site.x[0]:
                site.call(np.copyto, site.y, site.x[0])
            return
        factor = site.kept["factor"] = site.buffer(site.y)
        draw_factors(site, factor, keep)
        site.call(np.multiply, site.x[0], factor, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y times the same factors."""
        if "factor" in site.kept:
            site.call(np.multiply, site.gy, site.kept["factor"], site.gx(0))
        else:
            site.give(0, site.gy)


def draw_factors(site: Site, out: np.ndarray, keep: float) -> None:
    """Append: each of `out` becomes 1 / keep with probability `keep` (above 0), else 0.

    The sign bits of r - keep, spread over all bits, cut 1 / keep to itself or to 0.
    """
    integer = np.dtype(f"i{site.dtype.itemsize}")
    flat, bits = out.ravel("K"), out.ravel("K").view(integer)
    site.call(site.stream().uniform, flat)
    site.call(np.subtract, flat, site.number(keep), flat)
    site.call(np.right_shift, bits, np.array(8 * site.dtype.itemsize - 1, integer), bits)
    site.call(np.bitwise_and, bits, site.number(1.0 / keep).view(integer), bits)
