"""The exclusive or of two signs."""

import numpy as np

from lockstep.core.data.generators.base import Draw, Generator, Rows


class Xor(Generator):
    """Uniform in the square [-1, 1)²; class 0 where both coordinates have one sign, else 1."""

    name = "xor"
    columns = 2
    classes = 2

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        size = draw.random.uniform(0.0, 1.0, (draw.size, 2))
        sign = np.where(draw.random.random(draw.size) < 0.5, -1.0, 1.0)
        labels = draw.labels
        return draw.blurred(size * np.column_stack([sign, sign * (1.0 - 2.0 * labels)])), labels
