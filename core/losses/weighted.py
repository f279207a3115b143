"""Losses of class numbers where some targets count more than others, or not at all."""

from dataclasses import dataclass

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.losses.base import Loss, LossSite, flat
from lockstep.core.losses.spec import CrossEntropyLoss, NllLoss


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The targets of a site that count.

    `classes` (N,) intp: the class numbers, 0 where a target is ignored; `counts` (N,): 1, or 0 where it is;
    `weights` (N,): those of the classes times `counts`. `table` (classes,): the classes' weights.
    """

    classes: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    table: np.ndarray


def counted(site: LossSite, spec: CrossEntropyLoss | NllLoss) -> Counted:
    """Append the computing of what the targets count."""
    y = site.y.reshape(-1)
    table = site.full(np.empty(site.output.shape[-1]), 1.0)
    if spec.weight is not None:
        table[:] = spec.weight
    classes, counts = np.zeros(len(y), np.intp), site.full(np.empty(len(y)), 1.0)
    if spec.ignore_index is None:
        site.call(np.copyto, classes, y)
    else:
        kept = np.zeros(len(y), np.bool_)
        site.call(np.not_equal, y, np.array(spec.ignore_index), kept)
        site.call(np.multiply, y, kept, classes)
        site.call(np.copyto, counts, kept)
    weights = counts
    if spec.weight is not None:
        weights = site.buffer(counts)
        site.call(table.take, classes, None, weights, "clip")
        site.call(np.multiply, weights, counts, weights)
    return Counted(classes=classes, counts=counts, weights=weights, table=table)


class WeightedCrossEntropy(Loss):
    """Cross-entropy with class weights w, label smoothing ε and an ignored target.

    With l_k = ln Σ_j e^(z_j) - z_k, a target of class y that counts adds (1 - ε) w_y l_y + ε / C Σ_k w_k l_k
    over the C classes. The sum is divided by Σ w_y over the targets that count.
    """

    name = "cross_entropy"
    rows_last = True
    classes = True
    mean = "targets"

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (classes, N), so all reductions run along the targets."""
        spec = site.settings(CrossEntropyLoss)
        targets = counted(site, spec)
        logits = site.classes_first(site.output)
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        rows = logits.shape[1]
        row, chosen, sums, own = (aligned(rows, site.dtype) for _ in range(4))
        place = np.empty(rows, np.intp)
        site.exchange(site.output, logits)
        site.call(np.maximum.reduce, logits, 0, None, row)
        site.call(np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        site.call(np.matmul, np.ones(len(logits), site.dtype), shares, sums)
        site.call(np.log, sums, row)
        site.call(np.multiply, targets.classes, np.array(rows), place)
        site.call(np.add, place, np.arange(rows), place)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, chosen)
        site.call(np.multiply, targets.weights, site.number(1.0 - spec.label_smoothing), own)
        site.call(np.dot, own, chosen, site.total)
        site.kept |= {"shares": shares, "sums": sums, "place": place, "own": own, "counts": targets.counts}
        if spec.label_smoothing:
            site.kept["table"] = targets.table * np.array(spec.label_smoothing / len(logits), site.dtype)
            self._add_smooth_part(site, shifted, row)

    def _add_smooth_part(self, site: LossSite, shifted: np.ndarray, row: np.ndarray) -> None:
        """Append total += Σ over the counted of Σ_k t_k (row - shifted_k), where t_k = ε / C w_k."""
        table, counts = site.kept["table"], site.kept["counts"]
        part, smooth = site.buffer(row), site.number(0.0)
        site.call(np.matmul, table, shifted, part)
        site.call(np.multiply, row, np.array(table.sum(), site.dtype), row)
        site.call(np.subtract, row, part, part)
        site.call(np.dot, part, counts, smooth)
        site.call(np.add, site.total, smooth, site.total)

    def gradient(self, site: LossSite) -> None:
        """(a softmax(z)_k - own [k = class] - t_k) / denominator, a = own + Σ_k t_k; 0 where ignored."""
        shares, sums, place, own = (site.kept[key] for key in ("shares", "sums", "place", "own"))
        gradient = site.classes_first(site.gradient)
        one, chosen, each = site.divided(1.0), site.buffer(sums), site.buffer(sums)
        flat_gradient = gradient.reshape(-1)
        site.call(np.multiply, own, one, own)
        if "table" in site.kept:
            table, scaled = site.kept["table"], site.buffer(sums)
            spread = aligned(gradient.shape, site.dtype)
            site.call(np.multiply, site.kept["counts"], one, scaled)
            site.call(np.multiply, scaled, np.array(table.sum(), site.dtype), each)
            site.call(np.add, each, own, each)
            site.call(np.divide, each, sums, each)
            site.call(np.multiply, shares, each, gradient)
            site.call(np.matmul, table[:, np.newaxis], scaled[np.newaxis], spread)
            site.call(np.subtract, gradient, spread, gradient)
        else:
            site.call(np.divide, own, sums, each)
            site.call(np.multiply, shares, each, gradient)
        site.call(flat_gradient.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, own, chosen)
        site.call(flat_gradient.put, place, chosen, "clip")
        site.exchange(site.gradient, gradient, back=True)


class NegativeLogLikelihood(Loss):
    """Σ of -w_class output_class, from log-probabilities.

    The sum is divided by Σ w_class over the targets that count.
    """

    name = "nll"
    classes = True
    mean = "targets"

    def forward(self, site: LossSite) -> None:
        """One number is taken of each row."""
        targets = counted(site, site.settings(NllLoss))
        outputs = site.output
        if not outputs.flags.c_contiguous:
            outputs = aligned(site.output.shape, site.dtype)
            site.call(np.copyto, outputs, site.output)
        classes, rows = outputs.shape[-1], len(targets.classes)
        place, chosen = np.empty(rows, np.intp), aligned(rows, site.dtype)
        site.kept |= {"place": place, "weights": targets.weights}
        site.call(np.add, targets.classes, np.arange(rows) * classes, place)
        site.call(outputs.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.negative, chosen, chosen)
        site.call(np.dot, chosen, targets.weights, site.total)

    def gradient(self, site: LossSite) -> None:
        """-w_class / denominator at the class, else 0."""
        place, weights = site.kept["place"], site.kept["weights"]
        direct = site.gradient.flags.c_contiguous
        gradient = site.gradient if direct else aligned(site.gradient.shape, site.dtype)
        each = site.buffer(weights)
        # Each run: the arrays of a line of nodes may be one and the same, and the backward pass writes them.
        site.call(np.copyto, gradient, site.number(0.0))
        site.call(np.multiply, weights, site.divided(-1.0), each)
        site.call(flat(gradient).put, place, each, "clip")
        if not direct:
            site.call(np.copyto, site.gradient, gradient)
