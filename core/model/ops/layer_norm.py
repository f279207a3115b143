"""Layer norm: each place is shifted and scaled to mean 0 and variance 1 over its features."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.places import places_of, read_places, write_places


class LayerNorm(Op):
    """y = n · weight + bias, n = (x - mean) / √(variance + eps), over the last `axes` axes (an attribute).

    The variance is the biased one. Inputs: x, then weight and bias, shaped like those axes, where they are
    there. Sums over features or places are products with ones: a tenth of the time of a reduction.
    """

    name = "layer_norm"
    formula = Notation(
        "{y} = n × {W} + {b}, n = ({x} - mean) / √(variance + eps)",
        (
            "∂loss/∂{x} = (g - mean(g) - n mean(g n)) / √(variance + eps), g = ∂loss/∂{y} × {W}",
            "∂loss/∂{W} = Σ ∂loss/∂{y} × n",
            "∂loss/∂{b} = Σ ∂loss/∂{y}",
        ),
    )

    def forward(self, site: Site) -> None:
        """n and 1 / √(variance + eps) are kept."""
        axes = int(site.attribute("axes"))
        x, y = read_places(site, site.x[0], axes), places_of(site.y, axes)
        places, features = x.shape
        normal, square = aligned(x.shape, site.dtype), aligned(x.shape, site.dtype)
        mean, inverse = aligned(places, site.dtype), aligned(places, site.dtype)
        site.kept |= {"normal": normal, "inverse": inverse}
        shares = site.full(aligned(features, site.dtype), 1.0 / features)
        site.call(np.matmul, x, shares, mean)
        site.call(np.subtract, x, mean[:, np.newaxis], normal)
        site.call(np.multiply, normal, normal, square)
        site.call(np.matmul, square, shares, inverse)
        site.call(np.add, inverse, site.number(site.attribute("eps")), inverse)
        site.call(np.sqrt, inverse, inverse)
        site.call(np.divide, site.number(1.0), inverse, inverse)
        site.call(np.multiply, normal, inverse[:, np.newaxis], normal)
        if len(site.x) == 1:
            site.call(np.copyto, y, normal)
        else:
            site.call(np.multiply, normal, site.x[1].reshape(-1), y)
        if len(site.x) == 3:
            site.call(np.add, y, site.x[2].reshape(-1), y)
        write_places(site, y, site.y)

    def gradient(self, site: Site) -> None:
        """∂weight = Σ ∂y n, ∂bias = Σ ∂y over the places; ∂x as `_through` says."""
        gy, normal = read_places(site, site.gy, int(site.attribute("axes"))), site.kept["normal"]
        product = aligned(gy.shape, site.dtype)
        ones = site.full(aligned(len(gy), site.dtype), 1.0)
        site.call(np.multiply, gy, normal, product)
        if len(site.x) > 2 and site.wanted[2]:
            site.call(np.matmul, ones, gy, site.gx(2).reshape(-1))
        if len(site.x) > 1 and site.wanted[1]:
            site.call(np.matmul, ones, product, site.gx(1).reshape(-1))
        if site.wanted[0]:
            self._through(site, gy, product)

    def _through(self, site: Site, gy: np.ndarray, product: np.ndarray) -> None:
        """∂x = (g - mean(g) - n mean(g n)) / √(variance + eps), g = ∂y weight, means over the features.

        `product` holds ∂y n.
        """
        normal, inverse = site.kept["normal"], site.kept["inverse"]
        places, features = gy.shape
        gradient = site.gx(0)
        gx = places_of(gradient, int(site.attribute("axes")))
        shares = site.full(aligned(features, site.dtype), 1.0 / features)
        mean, along = aligned(places, site.dtype), aligned(places, site.dtype)
        if len(site.x) > 1:
            weight, weighted = site.x[1].reshape(-1), aligned(features, site.dtype)
            site.call(np.multiply, weight, shares, weighted)
            site.call(np.multiply, gy, weight, gx)
        else:
            weighted = shares
            site.call(np.copyto, gx, gy)
        site.call(np.matmul, gy, weighted, mean)
        site.call(np.matmul, product, weighted, along)
        site.call(np.subtract, gx, mean[:, np.newaxis], gx)
        site.call(np.multiply, normal, along[:, np.newaxis], product)
        site.call(np.subtract, gx, product, gx)
        site.call(np.multiply, gx, inverse[:, np.newaxis], gx)
        write_places(site, gx, gradient)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """With a weight of ones where there is none."""
        axes, eps = node.whole("axes"), node.number("eps")
        x, *affine = inputs
        weight_and_bias = affine or [out.constant(np.full(node.shape[-axes:], 1.0, out.dtype))]
        return out.emit("LayerNormalization", x, *weight_and_bias, axis=-axes, epsilon=eps, name=node.name)
