"""Activations made of straight pieces; slopes at the bends are those of torch."""

import numpy as np

from lockstep.core.model.ops.base import Op, Site


class Hardtanh(Op):
    """y = x, cut to min_val and max_val; gradient 0 at both."""

    name = "hardtanh"
    elementwise = True
    reads_input = False
    reads_output = True

    def bounds(self, site: Site) -> tuple[float, float]:
        """The least and the greatest value."""
        return site.attribute("min_val"), site.attribute("max_val")

    def forward(self, site: Site) -> None:
        """Two passes."""
        low, high = self.bounds(site)
        site.call(np.maximum, site.x[0], site.full(site.y, low), out=site.y)
        site.call(np.minimum, site.y, site.full(site.y, high), out=site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y where y lies between the bounds, else 0."""
        low, high = self.bounds(site)
        inside = between(site, site.y, low, high)
        site.call(np.multiply, site.gy, inside, site.gx(0))


class Relu6(Hardtanh):
    """y = x, cut to 0 and 6."""

    name = "relu6"

    def bounds(self, site: Site) -> tuple[float, float]:  # noqa: ARG002 - the same for all
        """0 and 6."""
        return 0.0, 6.0


class Hardsigmoid(Op):
    """y = x / 6 + 1/2, cut to 0 and 1."""

    name = "hardsigmoid"
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """Four passes."""
        _gate(site, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y / 6 where y lies between 0 and 1, else 0."""
        inside = between(site, site.y, 0.0, 1.0)
        site.call(np.multiply, inside, site.number(1.0 / 6.0), inside)
        site.call(np.multiply, site.gy, inside, site.gx(0))


class Hardswish(Op):
    """y = x g, with the gate g = x / 6 + 1/2, cut to 0 and 1."""

    name = "hardswish"
    elementwise = True

    def forward(self, site: Site) -> None:
        """The gate is kept."""
        gate = site.kept["gate"] = site.buffer(site.y)
        _gate(site, gate)
        site.call(np.multiply, site.x[0], gate, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (g + x / 6 where the gate lies between 0 and 1, else g, which is 0 or 1)."""
        gate = site.kept["gate"]
        slope = between(site, gate, 0.0, 1.0)
        site.call(np.multiply, slope, site.number(1.0 / 6.0), slope)
        site.call(np.multiply, slope, site.x[0], slope)
        site.call(np.add, slope, gate, slope)
        site.call(np.multiply, site.gy, slope, site.gx(0))


def between(site: Site, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Append the computing of [low < values < high] as numbers 0 and 1; give the array."""
    above, below = (np.empty_like(values, dtype=bool) for _ in range(2))
    numbers = site.buffer(values)
    site.call(np.greater, values, site.number(low), above)
    site.call(np.less, values, site.number(high), below)
    site.call(np.logical_and, above, below, above)
    # A comparison written straight to numbers would go through a temporary buffer at each step.
    site.call(np.copyto, numbers, above)
    return numbers


def _gate(site: Site, out: np.ndarray) -> None:
    """Append out = x / 6 + 1/2, cut to 0 and 1."""
    site.call(np.divide, site.x[0], site.number(6.0), out)
    site.call(np.add, out, site.number(0.5), out)
    site.call(np.maximum, out, site.full(out, 0.0), out=out)
    site.call(np.minimum, out, site.full(out, 1.0), out=out)


OPS: tuple[Op, ...] = (Hardtanh(), Relu6(), Hardsigmoid(), Hardswish())
