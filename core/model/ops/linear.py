"""The affine map of a layer."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from lockstep.core.ground.blas import row_added
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site, product
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.places import places_of, read_places, write_places


class Linear(Op):
    """y = x W + b, with x (rows, in), W (in, out), b (out,) or absent, y (rows, out).

    Of x (rows, ..., in) all places count as rows.
    """

    name = "linear"
    formula = Notation(
        "{y} = {x} · {W}ᵀ + {b}",
        ("∂loss/∂{x} = ∂loss/∂{y} · {W}", "∂loss/∂{W} = ∂loss/∂{y}ᵀ · {x}", "∂loss/∂{b} = ∂loss/∂{y}"),
    )
    affine = True

    def takes(self, x: np.ndarray) -> bool:
        """Rows innermost are as good: BLAS multiplies by the transposed."""
        return x.ndim == 2 or super().takes(x)

    def forward(self, site: Site) -> None:
        """One product, then the bias on each row."""
        x = site.kept["x"] = site.x[0] if site.x[0].ndim == 2 else read_places(site, site.x[0])
        y = site.y if site.y.ndim == 2 else places_of(site.y)
        site.product(x, site.x[1], y)
        if len(site.x) > 2:
            site.calls.append(row_added(site.x[2], y) or partial(np.add, y, site.x[2], y))
        write_places(site, y, site.y)

    def gradient(self, site: Site) -> None:
        """∂b = Σ over rows of ∂y (as 1ᵀ ∂y: twice as fast as a sum), ∂x = ∂y Wᵀ, and then ∂W = xᵀ ∂y."""
        x, gy = site.kept["x"], site.gy if site.gy.ndim == 2 else read_places(site, site.gy)
        if len(site.x) > 2 and site.wanted[2]:
            ones = aligned(gy.shape[:1], site.dtype)
            ones.fill(1.0)
            if gy.flags.c_contiguous:
                site.calls.append(product(ones, gy, site.gx(2)))
            else:
                site.calls.append(product(gy.T, ones, site.gx(2)))
        if site.wanted[0]:
            gradient = site.gx(0)
            gx = gradient if gradient.ndim == 2 else places_of(gradient)
            site.product(gy, site.x[1].T, gx)
            write_places(site, gx, gradient)
        if site.wanted[1]:
            site.give_matrix(1, x.T, gy)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """One product, then the bias; W is stored as (in, out)."""
        if len(node.shape) == 1:
            return out.emit("Gemm", *inputs, name=node.name)
        product = out.emit("MatMul", *inputs[:2], name=node.name)
        return out.emit("Add", product, inputs[2], name=node.name) if len(inputs) > 2 else product
