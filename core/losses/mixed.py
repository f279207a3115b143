"""The loss of mixed rows whose targets cannot be mixed: class numbers, signs, logarithms."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lockstep.core.losses.base import Loss
from lockstep.core.losses.site import LossSite


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """To be filled before each run: the partners' targets, and the part () that the rows' own have."""

    other_y: np.ndarray
    share: np.ndarray


def append_mixed(kind: Loss[Any], site: LossSite) -> Mixing:
    """Append, behind the calls of loss and gradient: both become λ times those of `y`, the site's own, plus

    (1 - λ) times those of the partners' targets. Partners are the same rows in another order, so the sum of
    the targets' weights, by which the whole is divided, is the same for both.
    """
    other = replace(
        site,
        y=kind.room(site.output),
        total=np.zeros((), site.dtype),
        gradient=site.buffer(site.gradient),
        kept={},
    )
    kind.forward(other)
    kind.gradient(other)
    one, share, rest = site.number(1.0), site.number(1.0), site.number(0.0)
    site.call(np.subtract, one, share, rest)
    for each, part in ((site, share), (other, rest)):
        site.call(np.multiply, each.total, part, each.total)
        site.call(np.multiply, each.gradient, part, each.gradient)
    site.call(np.add, site.total, other.total, site.total)
    site.call(np.add, site.gradient, other.gradient, site.gradient)
    return Mixing(other_y=other.y, share=share)
