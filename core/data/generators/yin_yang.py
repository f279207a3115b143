"""The Yin-Yang data set."""

import numpy as np

from lockstep.core.data.generators.base import DECIMALS, Draw, Generator, Rows

DRAWN_AT_ONCE = 4096


class YinYang(Generator):
    """Uniform within each class, by drawing from the square [0, 1)² until every class has its rows.

    Published without noise.
    """

    name = "yin_yang"
    columns = 4
    classes = 3
    noise = 0.0
    about = (
        "the columns x, y, 1 - x, 1 - y and the classes of Kriener, Göltz, Petrovici, "
        '"The Yin-Yang dataset" (2021): the two halves and the dots, as often one as another'
    )

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        labels = draw.labels
        points = np.empty((draw.size, 2))
        missing = [np.flatnonzero(labels == number) for number in range(draw.classes)]
        while any(map(len, missing)):
            drawn = np.round(draw.random.uniform(0.0, 1.0, (DRAWN_AT_ONCE, 2)), DECIMALS)
            of_class = classes_at(drawn)
            for number, rows in enumerate(missing):
                fitting = drawn[of_class == number][: len(rows)]
                points[rows[: len(fitting)]] = fitting
                missing[number] = rows[len(fitting) :]
        points = draw.blurred(points)
        return np.hstack([points, 1.0 - points]), labels


def classes_at(points: np.ndarray) -> np.ndarray:
    """0 and 1: the halves of the disc of radius 0.5 around (0.5, 0.5); 2: the dots; -1: outside.

    Class 1 is the upper half, with the bulge of radius 0.25 of the left dot and without that of the right.
    """
    x, y = points.T
    left, right = np.hypot(x - 0.25, y - 0.5), np.hypot(x - 0.75, y - 0.5)
    upper = (left <= 0.25) | ((y > 0.5) & (right > 0.25))
    classes = np.where((left < 0.1) | (right < 0.1), 2, upper.astype(np.int64))
    return np.where(np.hypot(x - 0.5, y - 0.5) > 0.5, -1, classes)
