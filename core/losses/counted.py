"""Which targets of a loss of classes count, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.core.losses.site import LossSite


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


def counted(site: LossSite, weight: Sequence[float] | None, ignored: int | None) -> Counted:
    """Append the computing of what the targets count, by the classes' weights and the ignored target."""
    y = site.y.reshape(-1)
    table = site.full(np.empty(site.output.shape[-1]), 1.0)
    if weight is not None:
        table[:] = weight
    classes, counts = np.zeros(len(y), np.intp), site.full(np.empty(len(y)), 1.0)
    if ignored is None:
        site.call(np.copyto, classes, y)
    else:
        kept = np.zeros(len(y), np.bool_)
        site.call(np.not_equal, y, np.array(ignored), kept)
        site.call(np.multiply, y, kept, classes)
        site.call(np.copyto, counts, kept)
    weights = counts
    if weight is not None:
        weights = site.buffer(counts)
        site.call(table.take, classes, None, weights, "clip")
        site.call(np.multiply, weights, counts, weights)
    return Counted(classes=classes, counts=counts, weights=weights, table=table)
