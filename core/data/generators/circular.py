"""Classes on circles and half circles."""

import numpy as np

from lockstep.core.data.generators.base import Draw, Generator, Rows, directions


class Moons(Generator):
    """Two half circles of radius 1 that reach into each other: centres (0, 0) and (1, 0.5)."""

    name = "moons"
    columns = 2
    classes = 2

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        labels = draw.labels
        angle = draw.random.uniform(0.0, np.pi, draw.size)
        upper = directions(angle)
        lower = np.array([1.0, 0.5]) - upper
        return draw.blurred(np.where(labels[:, None] == 0, upper, lower)), labels


class Circles(Generator):
    """Two circles around the origin: radius 1 for class 0, radius 0.5 for class 1."""

    name = "circles"
    columns = 2
    classes = 2

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        labels = draw.labels
        angle = draw.random.uniform(0.0, 2.0 * np.pi, draw.size)
        return draw.blurred(directions(angle) * (1.0 - 0.5 * labels)[:, None]), labels


class Spiral(Generator):
    """Arms from the origin to radius 1 in three quarters of a turn, evenly turned against each other."""

    name = "spiral"
    columns = 2
    classes = 2
    classes_are_free = True

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        labels = draw.labels
        radius = draw.random.uniform(0.0, 1.0, draw.size)
        angle = 2.0 * np.pi * (0.75 * radius + labels / draw.classes)
        return draw.blurred(directions(angle) * radius[:, None]), labels


class Blobs(Generator):
    """One point for each class, evenly on the circle of radius 1; the noise makes the blobs."""

    name = "blobs"
    columns = 2
    classes = 3
    classes_are_free = True

    @staticmethod
    def rows(draw: Draw) -> Rows:
        """See Generator."""
        labels = draw.labels
        return draw.blurred(directions(2.0 * np.pi * labels / draw.classes)), labels
