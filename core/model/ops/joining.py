"""Putting values side by side, and taking one position out of a sequence."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class Concat(Op):
    """The inputs one after another along an axis (attribute `axis`, counted without that of the rows)."""

    name = "concat"
    formula = Notation("{y} = the inputs, one after another", ("∂loss/∂input = its own part of ∂loss/∂{y}",))
    any_layout = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """A copy for each input."""
        for index, part in enumerate(_parts(site, site.y)):
            site.call(np.copyto, part, site.x[index])

    def gradient(self, site: Site) -> None:
        """Each input has its part of ∂y."""
        for index, part in enumerate(_parts(site, site.gy)):
            if site.wanted[index]:
                site.call(np.copyto, site.gx(index), part)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """There the rows are an axis too."""
        return out.emit("Concat", *inputs, axis=node.whole("axis") + 1, name=node.name)


class Position(Op):
    """One position (attribute `index`; -1 is the last) of a sequence: (length, features) -> (features,)."""

    name = "position"
    formula = Notation("{y} = {x} at one position", ("∂{y}/∂{x} = 1 at the position, else 0",))
    reads_input = False

    def forward(self, site: Site) -> None:
        """A copy."""
        site.call(np.copyto, site.y, site.x[0][:, int(site.attribute("index"))])

    def gradient(self, site: Site) -> None:
        """∂x = ∂y at the position, 0 elsewhere."""
        gx = site.gx(0)
        site.call(np.copyto, gx, site.number(0.0))
        site.call(np.copyto, gx[:, int(site.attribute("index"))], site.gy)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Of a sequence (rows, length, features)."""
        place = out.constant(np.array(node.whole("index"), np.int64))
        return out.emit("Gather", inputs[0], place, axis=1, name=node.name)


def _parts(site: Site, whole: np.ndarray) -> list[np.ndarray]:
    """The part of `whole` that belongs to each input, as views."""
    axis = 1 + int(site.attribute("axis"))
    ends = np.cumsum([part.shape[axis] for part in site.x])
    return np.split(whole, ends[:-1], axis=axis)
