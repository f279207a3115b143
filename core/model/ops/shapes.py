"""Ops that give the same numbers in another shape."""

import numpy as np

from lockstep.core.model.ops.base import Op, Site


class View(Op):
    """y is x, each sample's numbers in their order in another shape; the rows stay rows."""

    view = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """Nothing to do where y lies in the memory of x."""
        if not np.may_share_memory(site.y, site.x[0]):
            site.call(np.copyto, site.y.reshape(site.x[0].shape), site.x[0])

    def gradient(self, site: Site) -> None:
        """∂x is ∂y in the shape of x."""
        if site.targets is None or not site.targets.share(site, 0):
            site.call(np.copyto, site.gx(0), site.gy.reshape(site.x[0].shape))


class Flatten(View):
    """Each sample in one row."""

    name = "flatten"


class Unflatten(View):
    """Each row in the shape of the node."""

    name = "unflatten"


OPS: tuple[Op, ...] = (Flatten(), Unflatten())
