"""Ops that give the same numbers in another shape."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class ShapeOp(Op):
    """y is x, each sample's numbers in their order in another shape; the rows stay rows."""

    formula = Notation("{y} = {x} in another shape", ("∂{y}/∂{x} = 1, in the shape of {x}",))
    keeps_numbers = True
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

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """In the node's shape."""
        return out.emit("Reshape", inputs[0], out.whole(-1, *node.shape), name=node.name)


class Flatten(ShapeOp):
    """Each sample in one row."""

    name = "flatten"


class Unflatten(ShapeOp):
    """Each row in the shape of the node."""

    name = "unflatten"
