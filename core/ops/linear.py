"""The affine map of a layer."""

import numpy as np

from core.buffers import aligned
from core.ops.base import Op, Site


class Linear(Op):
    """y = x W + b, with x (rows, in), W (in, out), b (out,) or absent, y (rows, out)."""

    name = "linear"

    def forward(self, site: Site) -> None:
        """One product, then the bias on each row."""
        site.product(site.x[0], site.x[1], site.y)
        if len(site.x) > 2:
            site.call(np.add, site.y, site.x[2], site.y)

    def gradient(self, site: Site) -> None:
        """∂W = xᵀ ∂y, ∂b = Σ over rows of ∂y (as 1ᵀ ∂y: twice as fast as a sum), ∂x = ∂y Wᵀ."""
        if len(site.x) > 2 and site.wanted[2]:
            ones = aligned(site.gy.shape[:1], site.dtype)
            ones.fill(1.0)
            if site.gy.flags.c_contiguous:
                site.call(np.matmul, ones, site.gy, site.gx(2))
            else:
                site.call(np.matmul, site.gy.T, ones, site.gx(2))
        if site.wanted[1]:
            site.product(site.x[0].T, site.gy, site.gx(1))
        if site.wanted[0]:
            site.product(site.gy, site.x[1].T, site.gx(0))


OPS: tuple[Op, ...] = (Linear(),)
