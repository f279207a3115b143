"""Cross-entropy of class numbers from logits, all of them counted alike."""

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.losses.base import Loss, LossSite
from lockstep.core.model.ops.base import product

FEW = 4096
"""So many numbers cost less than the calls that would spare some of them."""


class CrossEntropy(Loss):
    """Σ of ln Σ_k e^(z_k) - z_class over the targets, from logits z; divided by the number of targets.

    The largest logit is taken off each row before the exponential, so nothing overflows.
    """

    name = "cross_entropy"
    rows_last = True
    classes = True
    mean = "targets"
    stacks = True

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (classes, rows), so all reductions run along the rows."""
        logits = site.classes_first(site.output)
        *shards, classes, rows = logits.shape
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        row, chosen, sums = (aligned((*shards, rows), site.dtype) for _ in range(3))
        place = np.empty((*shards, rows), np.intp)
        site.kept |= {"shares": shares, "sums": sums, "place": place}
        # The place of each row's class in the flat (classes, rows) array.
        first = np.arange(place.size).reshape(place.shape)
        first += first // rows * (classes - 1) * rows
        site.load(np.multiply, site.y.reshape(place.shape), np.array(rows), place)
        site.load(np.add, place, first, place)
        site.exchange(site.output, logits)
        site.call(np.maximum.reduce, logits, -2, None, row)
        self._spread(site, np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        ones = np.ones(classes, site.dtype)
        for shard in np.ndindex(*shards):
            site.calls.append(product(ones, shares[shard], sums[shard]))
        site.call(np.log, sums, row)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, row)
        site.sums(row)

    def gradient(self, site: LossSite) -> None:
        """(softmax(z) - [k = class]) / denominator."""
        shares, sums = site.kept["shares"], site.kept["sums"]
        gradient = site.classes_first(site.gradient)
        one = site.divided(1.0)
        site.call(np.divide, one, sums, sums)
        self._spread(site, np.multiply, shares, sums, gradient)
        self._take_off_classes(site, gradient.reshape(-1), one)
        site.exchange(site.gradient, gradient, back=True)

    def _spread(
        self, site: LossSite, function: np.ufunc, by_class: np.ndarray, row: np.ndarray, out: np.ndarray
    ) -> None:
        """Append: out = function(by_class, row), one number of `row` for all classes.

        Few numbers are copied to all classes first: two calls of one piece each take less time.
        """
        row = row[..., np.newaxis, :]
        if by_class.size <= FEW:
            spread = aligned(by_class.shape, site.dtype)
            site.call(spread.__setitem__, ..., row)
            row = spread
        site.call(function, by_class, row, out)

    def _take_off_classes(self, site: LossSite, gradient: np.ndarray, one: np.ndarray) -> None:
        """Append: `one` is subtracted at each row's class. For few numbers by an array that is else 0."""
        place = site.kept["place"]
        if len(gradient) <= FEW:
            ones = site.buffer(gradient)
            site.load(ones.fill, 0.0)
            site.load(ones.put, place, one, "clip")
            site.call(np.subtract, gradient, ones, gradient)
            return
        chosen = site.buffer(site.kept["sums"])
        site.call(gradient.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, one, chosen)
        site.call(gradient.put, place, chosen, "clip")
