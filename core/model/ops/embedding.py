"""Learned rows for whole numbers."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.places import read_places


class Embedding(Op):
    """y = weight[x]: for each whole number in x (...,) a row of weight (count, features).

    Numbers outside 0 to count - 1 are refused before a program runs; here they count as the nearest of these.
    Attribute `padding`: the number whose row is never changed, -1 for none.
    """

    name = "embedding"
    formula = Notation(
        "{y} = the rows of {b} that {a} names",
        (
            "{a} holds whole numbers: it has no derivative",
            "∂loss/∂{b} of a row = Σ ∂loss/∂{y} over the places that name it",
        ),
    )

    def forward(self, site: Site) -> None:
        """Whole numbers come in the program's dtype: float32 holds them exactly up to 2²⁴."""
        tokens = site.kept["tokens"] = aligned(site.x[0].shape, np.dtype(np.intp))
        weight = site.x[1]
        site.call(np.copyto, tokens, site.x[0], casting="unsafe")
        # mode "clip" lets NumPy write straight into `out`.
        if site.y.flags.c_contiguous:
            site.call(weight.take, tokens, axis=0, out=site.y, mode="clip")
        else:
            taken = aligned(site.y.shape, site.dtype)
            site.call(weight.take, tokens, axis=0, out=taken, mode="clip")
            site.call(np.copyto, site.y, taken)

    def gradient(self, site: Site) -> None:
        """∂weight[v] = Σ of ∂y over the places where x is v, in the places' order: so always the same bits.

        `np.add.at` is quick for one axis alone, so places and features become one.
        """
        if not site.wanted[1]:
            return
        count, features = site.x[1].shape
        tokens, gweight = site.kept["tokens"].reshape(-1, 1), site.gx(1)
        starts, places = np.empty_like(tokens), np.empty((tokens.size, features), np.intp)
        gradient = read_places(site, site.gy)
        site.call(np.clip, tokens, 0, count - 1, out=starts)
        site.call(np.multiply, starts, features, starts)
        site.call(np.add, starts, np.arange(features), places)
        site.call(np.copyto, gweight, site.number(0.0))
        site.call(np.add.at, gweight.reshape(-1), places.reshape(-1), gradient.reshape(-1))
        if (padding := int(site.attribute("padding"))) >= 0:
            site.call(np.copyto, gweight[padding], site.number(0.0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """The whole numbers come in the inputs' dtype."""
        numbers = out.cast(inputs[0], np.dtype(np.int64))
        return out.emit("Gather", inputs[1], numbers, axis=0, name=node.name)

    def known_tokens(self, node: Node) -> int:
        """The rows that there are."""
        return node.whole("count")
