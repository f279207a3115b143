"""Attention of a sequence to itself, by several heads."""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.dropout import draw_factors
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.places import places_of, read_places, write_places

_SCORES = 3
"""Arrays of the scores: the weights, their gradient, the halves that the largest is found in."""
_DROPPED = 2
"""More of them where some are dropped: the factors, and what is left."""


class Attention(Op):
    """y = softmax(q kᵀ / √size) v for each head, from queries, keys and values side by side.

    x (rows, length, 3 · features) -> (rows, length, features), features = heads · size. Attributes: `heads`;
    `causal`, 1 where a position sees only itself and those before it; `dropout`, the part of the weights that
    is dropped in training. Scores are held as (rows, heads, keys, queries): a softmax over the keys then
    works on long runs of memory.
    """

    name = "attention"
    formula = Notation(
        "{y} = P · v, P = softmax(q · kᵀ / √size) for each head; q, k and v side by side in {x}",
        (
            "∂loss/∂v = Pᵀ · g, g = ∂loss/∂{y}; with S = P (g · vᵀ - Σ g {y}): ∂loss/∂q = S · k / √size, "
            "∂loss/∂k = Sᵀ · q / √size",
        ),
    )
    reads_output = True

    def forward(self, site: Site) -> None:
        """The weights are kept, before and after some are dropped, and q / √size."""
        queries, keys, values = _heads(site, read_places(site, site.x[0]), 3)
        scaled = site.kept["queries"] = aligned(queries.shape, site.dtype)
        site.kept |= {"keys": keys, "values": values}
        site.call(np.multiply, queries, site.number(1.0 / math.sqrt(queries.shape[-1])), scaled)
        weights = site.kept["weights"] = aligned((*queries.shape[:2], *2 * queries.shape[2:3]), site.dtype)
        site.call(np.matmul, keys, scaled.swapaxes(2, 3), weights)
        self._normalize(site, weights)
        used = weights
        dropout = site.attribute("dropout")
        if site.training and dropout:
            mask = site.kept["mask"] = aligned(weights.shape, site.dtype)
            draw_factors(site, mask, 1.0 - dropout)
            used = aligned(weights.shape, site.dtype)
            site.call(np.multiply, weights, mask, used)
        site.kept["used"] = used
        y = site.kept["y"] = places_of(site.y)
        (out,) = _heads(site, y, 1)
        site.call(np.matmul, used.swapaxes(2, 3), values, out)
        write_places(site, y, site.y)

    def _normalize(self, site: Site, scores: np.ndarray) -> None:
        """Append the softmax over the keys, in place."""
        length = scores.shape[-1]
        if site.attribute("causal"):
            later = np.tril(np.full((length, length), -np.inf, site.dtype), -1)
            site.call(np.add, scores, later, scores)
        site.call(np.subtract, scores, _largest(site, scores), scores)
        site.call(np.exp, scores, scores)
        total = aligned((*scores.shape[:2], 1, length), site.dtype)
        ones = site.full(aligned((1, length), site.dtype), 1.0)
        site.call(np.matmul, ones, scores, total)
        site.call(np.divide, site.number(1.0), total, total)
        site.call(np.multiply, scores, total, scores)

    def gradient(self, site: Site) -> None:
        """With P the weights, ∂v = Pᵀ ∂y, ∂S = P (∂y vᵀ - Σ ∂y y), ∂q = ∂S k / √size, ∂k = ∂Sᵀ q / √size.

        The sum over a head's features is that of ∂P P over the keys, dropped or not.
        """
        queries, keys, values = (site.kept[name] for name in ("queries", "keys", "values"))
        weights, used = site.kept["weights"], site.kept["used"]
        flat = read_places(site, site.gy)
        (gy,) = _heads(site, flat, 1)
        gradient = site.gx(0)
        gx = places_of(gradient)
        to_queries, to_keys, to_values = _heads(site, gx, 3)
        through, part = aligned(weights.shape, site.dtype), aligned(queries.shape, site.dtype)
        site.call(np.matmul, used, gy, to_values)
        site.call(np.matmul, values, gy.swapaxes(2, 3), through)
        if "mask" in site.kept:
            site.call(np.multiply, through, site.kept["mask"], through)
        site.call(np.subtract, through, self._along(site, flat), through)
        site.call(np.multiply, through, weights, through)
        site.call(np.matmul, through.swapaxes(2, 3), keys, part)
        site.call(np.multiply, part, site.number(1.0 / math.sqrt(queries.shape[-1])), to_queries)
        site.call(np.matmul, through, queries, to_keys)
        write_places(site, gx, gradient)

    def _along(self, site: Site, gy: np.ndarray) -> np.ndarray:
        """Append Σ ∂y y over each head's features; give it as (rows, heads, 1, length)."""
        rows, heads, length, size = site.kept["queries"].shape
        product, ones = aligned(gy.shape, site.dtype), site.full(aligned(size, site.dtype), 1.0)
        sums, along = aligned((rows, length, heads), site.dtype), aligned((rows, heads, length), site.dtype)
        site.call(np.multiply, gy, site.kept["y"], product)
        site.call(np.matmul, product.reshape(rows, length, heads, size), ones, sums)
        site.call(np.copyto, along, sums.swapaxes(1, 2))
        return along[:, :, np.newaxis, :]

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Products, and a softmax of the scores."""
        (length, features), heads = node.shape, node.whole("heads")
        size = features // heads
        queries, *others = out.emit_several("Split", inputs[:1], 3, axis=2, num_outputs=3)
        # Beside the product onnxruntime would make it a factor of that, which it holds in float32.
        scaled = out.emit("Mul", queries, out.number(1.0 / math.sqrt(size)))
        by_head = out.whole(0, length, heads, size)
        q, k, v = (
            out.emit("Transpose", out.emit("Reshape", part, by_head), perm=[0, 2, 1, 3])
            for part in (scaled, *others)
        )
        scores = out.emit("MatMul", q, out.emit("Transpose", k, perm=[0, 1, 3, 2]))
        if node.attributes["causal"]:
            later = np.triu(np.full((length, length), -np.inf, out.dtype), 1)
            scores = out.emit("Add", scores, out.constant(later))
        mixed = out.emit("MatMul", out.emit("Softmax", scores, axis=-1), v)
        side_by_side = out.emit("Transpose", mixed, perm=[0, 2, 1, 3])
        return out.emit("Reshape", side_by_side, out.whole(0, length, features), name=node.name)

    def beside(self, node: Node, inputs: Sequence[tuple[int, ...]]) -> int:  # noqa: ARG002 - the shape says it
        """The scores of all heads."""
        arrays = _SCORES + (_DROPPED if node.attributes["dropout"] else 0)
        return node.whole("heads") * node.shape[0] ** 2 * arrays // 2


def _heads(site: Site, places: np.ndarray, parts: int) -> list[np.ndarray]:
    """(places, parts · heads · size) as so many views (rows, heads, length, size)."""
    rows, length = site.y.shape[:2]
    heads = int(site.attribute("heads"))
    by_head = places.reshape(rows, length, parts, heads, -1)
    return [by_head[:, :, part].swapaxes(1, 2) for part in range(parts)]


def _largest(site: Site, scores: np.ndarray) -> np.ndarray:
    """Append the largest of each query, by halving: a fifth of the time of np.maximum.reduce.

    (rows, heads, keys, queries) -> (rows, heads, 1, queries). Halves of an odd number overlap, as they may.
    """
    while (keys := scores.shape[2]) > 1:
        half = (keys + 1) // 2
        larger = aligned((*scores.shape[:2], half, scores.shape[3]), site.dtype)
        site.call(np.maximum, scores[:, :, :half], scores[:, :, keys - half :], out=larger)
        scores = larger
    return scores
