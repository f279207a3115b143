"""Putting values side by side, and taking one position out of a sequence."""

import numpy as np

from lockstep.core.model.ops.base import Op, Site


class Concat(Op):
    """The inputs one after another along an axis (attribute `axis`, counted without that of the rows)."""

    name = "concat"
    any_layout = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """A copy for each input."""
        for index, part in enumerate(_parts(site, site.y)):
            site.call(np.copyto, part, site.x[index])

    def gradient(self, site: Site) -> None:
        """Each input has its part of ∂y."""
        for index, part in enumerate(_parts(site, site.gy)):
            if site.wanted[index]:
                site.call(np.copyto, site.gx(index), part)


class Position(Op):
    """One position (attribute `index`; -1 is the last) of a sequence: (length, features) -> (features,)."""

    name = "position"
    reads_input = False

    def forward(self, site: Site) -> None:
        """A copy."""
        site.call(np.copyto, site.y, site.x[0][:, int(site.attribute("index"))])

    def gradient(self, site: Site) -> None:
        """∂x = ∂y at the position, 0 elsewhere."""
        gx = site.gx(0)
        site.call(np.copyto, gx, site.number(0.0))
        site.call(np.copyto, gx[:, int(site.attribute("index"))], site.gy)


def _parts(site: Site, whole: np.ndarray) -> list[np.ndarray]:
    """The part of `whole` that belongs to each input, as views."""
    axis = 1 + int(site.attribute("axis"))
    ends = np.cumsum([part.shape[axis] for part in site.x])
    return np.split(whole, ends[:-1], axis=axis)


OPS: tuple[Op, ...] = (Concat(), Position())
