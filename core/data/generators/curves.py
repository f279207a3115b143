"""One column, and values that lie on a curve over it."""

import numpy as np

from lockstep.core.data.generators.base import DECIMALS, Draw, Generator, Rows


class StraightLine(Generator):
    """A straight line."""

    name = "line"
    columns = 1
    classes = 0
    formula = "y = 2x + 1"

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        x = _places(draw)
        return _curve(draw, x, 2.0 * x + 1.0)


class Quadratic(Generator):
    """A parabola."""

    name = "quadratic"
    columns = 1
    classes = 0
    formula = "y = x²"

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        x = _places(draw)
        return _curve(draw, x, x * x)


def _places(draw: Draw) -> np.ndarray:
    """Uniform in [-1, 1); rounded already here, so that the values are those of the inputs as they are."""
    return np.round(draw.random.uniform(-1.0, 1.0, draw.size), DECIMALS)


def _curve(draw: Draw, x: np.ndarray, y: np.ndarray) -> Rows:
    """The noise is on the values."""
    noise = np.round(draw.noise * draw.random.standard_normal(draw.size), DECIMALS)
    return x.reshape(-1, 1), y + noise
