"""Attention of a sequence to itself, by several heads."""

import math

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import Op, Site
from lockstep.core.model.ops.dropout import draw_factors
from lockstep.core.model.ops.places import places_of, read_places, write_places


class Attention(Op):
    """y = softmax(q kᵀ / √size) v for each head, from queries, keys and values side by side.

    x (rows, length, 3 · features) -> (rows, length, features), features = heads · size. Attributes: `heads`;
    `causal`, 1 where a position sees only itself and those before it; `dropout`, the part of the weights that
    is dropped in training. Scores are held as (rows, heads, keys, queries): a softmax over the keys then
    works on long runs of memory.
    """

    name = "attention"
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


OPS: tuple[Op, ...] = (Attention(),)
