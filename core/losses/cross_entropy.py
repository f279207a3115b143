"""Cross-entropy of class numbers from logits, all of them counted alike."""

import numpy as np

from core.buffers import aligned
from core.losses.base import Loss, LossSite


class CrossEntropy(Loss):
    """Σ of ln Σ_k e^(z_k) - z_class over the targets, from logits z; divided by the number of targets.

    The largest logit is taken off each row before the exponential, so nothing overflows.
    """

    name = "cross_entropy"
    rows_last = True
    classes = True
    mean = "targets"

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (classes, rows), so all reductions run along the rows."""
        logits = site.classes_first(site.output)
        ones, rows = np.ones(len(logits), site.dtype), logits.shape[1]
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        row, chosen, sums = (aligned(rows, site.dtype) for _ in range(3))
        place, numbers = np.empty(rows, np.intp), np.arange(rows)
        site.kept |= {"shares": shares, "sums": sums, "place": place}
        site.exchange(site.output, logits)
        site.call(np.maximum.reduce, logits, 0, None, row)
        site.call(np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        site.call(np.matmul, ones, shares, sums)
        site.call(np.log, sums, row)
        # The place of each row's class in the flat (classes, rows) array.
        site.call(np.multiply, site.y.reshape(-1), np.array(rows), place)
        site.call(np.add, place, numbers, place)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, row)
        site.sum(row, site.total)

    def gradient(self, site: LossSite) -> None:
        """(softmax(z) - [k = class]) / denominator."""
        shares, sums, place = site.kept["shares"], site.kept["sums"], site.kept["place"]
        gradient = site.classes_first(site.gradient)
        one, chosen = site.divided(1.0), site.buffer(sums)
        flat = gradient.reshape(-1)
        site.call(np.divide, one, sums, sums)
        site.call(np.multiply, shares, sums, gradient)
        site.call(flat.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, one, chosen)
        site.call(flat.put, place, chosen, "clip")
        site.exchange(site.gradient, gradient, back=True)
