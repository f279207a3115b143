"""Batch norm: each channel shifted and scaled by its mean and variance."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class BatchNorm(Op):
    """y = w (x - m) / sqrt(v + eps) + b for each channel; w is 1 and b is 0 where there are none.

    Inputs: x (rows, channels, *places), the running mean and variance, w and b (channels,) or none.
    Attributes: eps, and the number of the node's moments. In training m and v are those of the program's own
    rows, and `site.moments` is told of them as core/engine/moments.py says; else they are the running ones.
    """

    name = "batch_norm"
    formula = Notation(
        "{y} = w n + b, n = ({x} - m) / √(v + eps), m and v over the channel's rows and places",
        (
            "∂loss/∂{x} = w / √(v + eps) (g - mean(g) - n mean(g n)), g = ∂loss/∂{y}; ∂loss/∂w = Σ g n; "
            "∂loss/∂b = Σ g",
        ),
    )
    any_layout = True

    def forward(self, site: Site) -> None:
        """With s = w / sqrt(v + eps): y = (x - m) s + b in training, else x s + (b - m s)."""
        x, y = _matrix(site, site.x[0]), _room(site, site.y)
        scale, inverse = _vector(site), _vector(site)
        weight, bias = site.x[3:] if len(site.x) > 3 else (site.number(1.0), None)
        site.kept |= {"x": x, "scale": scale, "inverse": inverse}
        if site.training:
            x = site.kept["centred"] = np.empty_like(x)
            self._take_moments(site, y)
        else:
            site.call(np.add, site.x[2], site.number(site.attribute("eps")), inverse)
        site.call(np.sqrt, inverse, inverse)
        site.call(np.divide, site.number(1.0), inverse, inverse)
        site.call(np.multiply, inverse, weight, scale)
        if not site.training:
            shift = _vector(site)
            site.call(np.multiply, site.x[1], scale, shift)
            site.call(np.subtract, site.number(0.0) if bias is None else bias, shift, shift)
            bias = shift
        site.call(np.multiply, x, scale[:, np.newaxis], y)
        if bias is not None:
            site.call(np.add, y, bias[:, np.newaxis], y)
        _bring(site, y, site.y)

    def _take_moments(self, site: Site, spare: np.ndarray) -> None:
        """Append: `centred` is x - m, `inverse` is v + eps for now, and the moments are told."""
        x, centred, variance = site.kept["x"], site.kept["centred"], site.kept["inverse"]
        mean, squares, count = _vector(site), _vector(site), site.number(x.shape[1])
        ones = _ones(site, x)
        site.call(np.matmul, x, ones, mean)
        site.call(np.divide, mean, count, mean)
        site.call(np.subtract, x, mean[:, np.newaxis], centred)
        site.call(np.multiply, centred, centred, spare)
        site.call(np.matmul, spare, ones, squares)
        site.call(np.divide, squares, count, variance)
        site.call(np.add, variance, site.number(site.attribute("eps")), variance)
        a, b = site.moments
        site.call(np.subtract, mean, site.x[1], a)
        site.call(np.multiply, a, count, a)
        site.call(np.multiply, a, a, b)
        site.call(np.divide, b, count, b)
        site.call(np.add, b, squares, b)

    def gradient(self, site: Site) -> None:
        """∂b = Σ ∂y, ∂w = Σ ∂y x̂, and ∂x = s (∂y - mean of ∂y - x̂ mean of ∂y x̂), x̂ = (x - m) / sqrt(v + eps).

        Outside training m and v do not follow x: ∂x = s ∂y.
        """
        gy, sums, products = _matrix(site, site.gy), _vector(site), _vector(site)
        spare, ones, inverse = np.empty_like(site.kept["x"]), _ones(site, gy), site.kept["inverse"]
        centred = site.kept.get("centred", spare)
        if not site.training:
            site.call(np.subtract, site.kept["x"], site.x[1][:, np.newaxis], centred)
        site.call(np.matmul, gy, ones, sums)
        site.call(np.multiply, gy, centred, spare)
        site.call(np.matmul, spare, ones, products)
        site.call(np.multiply, products, inverse, products)
        if len(site.x) > 3:
            site.call(np.copyto, site.gx(3), products)
            site.call(np.copyto, site.gx(4), sums)
        if not site.wanted[0]:
            return
        target = site.gx(0)
        gx, scale = _room(site, target), site.kept["scale"][:, np.newaxis]
        if site.training:
            count = site.number(gy.shape[1])
            site.call(np.divide, sums, count, sums)
            site.call(np.divide, products, count, products)
            site.call(np.multiply, products, inverse, products)
            site.call(np.multiply, centred, products[:, np.newaxis], spare)
            site.call(np.add, spare, sums[:, np.newaxis], spare)
            site.call(np.subtract, gy, spare, spare)
            gy = spare
        site.call(np.multiply, gy, scale, gx)
        _bring(site, gx, target)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """With the running mean and variance."""
        x, mean, variance, *affine = inputs
        ones, zeros = (np.full(node.shape[:1], value, out.dtype) for value in (1.0, 0.0))
        weight, bias = affine or (out.constant(ones), out.constant(zeros))
        arrays, eps = (x, weight, bias, mean, variance), node.number("eps")
        return out.emit("BatchNormalization", *arrays, epsilon=eps, name=node.name)


def _channels(array: np.ndarray) -> np.ndarray:
    """(rows, channels, *places) as (channels, *places, rows): a view."""
    return np.moveaxis(array, 0, -1)


def _room(site: Site, array: np.ndarray) -> np.ndarray:
    """A matrix (channels, numbers of each) to be written to: a view of `array` where it can be one."""
    seen = _channels(array)
    if seen.ndim == 2 or seen.flags.c_contiguous:
        return seen.reshape(len(seen), -1)
    return aligned(seen.shape, site.dtype).reshape(len(seen), -1)


def _matrix(site: Site, array: np.ndarray) -> np.ndarray:
    """`array` as a matrix (channels, numbers of each): a view of it, or a copy made at each run."""
    matrix, seen = _room(site, array), _channels(array)
    if not np.may_share_memory(matrix, array):
        site.call(np.copyto, matrix.reshape(seen.shape), seen)
    return matrix


def _bring(site: Site, matrix: np.ndarray, array: np.ndarray) -> None:
    """Append the copy of a matrix from `_room` to `array`, if it is not there."""
    if not np.may_share_memory(matrix, array):
        seen = _channels(array)
        site.call(np.copyto, seen, matrix.reshape(seen.shape))


def _vector(site: Site) -> np.ndarray:
    """Room for one number for each channel."""
    return aligned(site.node.shape[0], site.dtype)


def _ones(site: Site, matrix: np.ndarray) -> np.ndarray:
    ones = aligned(matrix.shape[1], site.dtype)
    ones.fill(1.0)
    return ones
