"""Data made by a formula and random numbers: (x, y) that follow from the generator's settings alone."""

from collections.abc import Callable

import numpy as np

from lockstep.core.data.shapes import classes_of
from lockstep.core.data.spec import GeneratedData
from lockstep.core.ground.random import generator

DECIMALS = 6
"""Inputs are rounded: so they do not depend on how a machine rounds the last bit of sin, and print short."""

_DRAWN_AT_ONCE = 4096

Rows = tuple[np.ndarray, np.ndarray]


def generate(data: GeneratedData) -> Rows:
    """x (size, columns) float64 and y (size,): values float64, or class numbers int64.

    Class numbers take turns row by row, so every class has its share of any run of rows.
    """
    random = generator(data.seed, "generated", data.generator)
    classes = classes_of(data)
    if not classes:
        return _curve(data, random)
    labels = np.arange(data.size, dtype=np.int64) % classes
    points = _POINTS[data.generator](labels, classes, random)
    points = points + data.noise * random.standard_normal((data.size, 2))
    if data.generator == "yin_yang":
        points = np.hstack([points, 1.0 - points])
    return np.round(points, DECIMALS), labels


def _curve(data: GeneratedData, random: np.random.Generator) -> Rows:
    """x uniform in [-1, 1); y = 2x + 1 for line, x² for quadratic, and noise on y."""
    x = np.round(random.uniform(-1.0, 1.0, data.size), DECIMALS)
    y = 2.0 * x + 1.0 if data.generator == "line" else x * x
    noise = np.round(data.noise * random.standard_normal(data.size), DECIMALS)
    return x.reshape(-1, 1), y + noise


def _xor(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Uniform in the square [-1, 1)²; class 0 where both coordinates have one sign, else 1."""
    del classes
    size = random.uniform(0.0, 1.0, (len(labels), 2))
    sign = np.where(random.random(len(labels)) < 0.5, -1.0, 1.0)
    points: np.ndarray = size * np.column_stack([sign, sign * (1.0 - 2.0 * labels)])
    return points


def _moons(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Two half circles of radius 1 that reach into each other: centres (0, 0) and (1, 0.5)."""
    del classes
    angle = random.uniform(0.0, np.pi, len(labels))
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)])
    points: np.ndarray = np.where(labels[:, None] == 0, upper, lower)
    return points


def _circles(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Two circles around the origin: radius 1 for class 0, radius 0.5 for class 1."""
    del classes
    angle = random.uniform(0.0, 2.0 * np.pi, len(labels))
    return np.column_stack([np.cos(angle), np.sin(angle)]) * (1.0 - 0.5 * labels)[:, None]


def _spiral(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Arms from the origin to radius 1 in three quarters of a turn, evenly turned against each other."""
    radius = random.uniform(0.0, 1.0, len(labels))
    angle = 2.0 * np.pi * (0.75 * radius + labels / classes)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]


def _blobs(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """One point for each class, evenly on the circle of radius 1; the noise makes the blobs."""
    del random
    angle = 2.0 * np.pi * labels / classes
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _yin_yang(labels: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Uniform within each class, by drawing from the square [0, 1)² until every class has its rows."""
    points = np.empty((len(labels), 2))
    missing = [np.flatnonzero(labels == number) for number in range(classes)]
    while any(map(len, missing)):
        drawn = np.round(random.uniform(0.0, 1.0, (_DRAWN_AT_ONCE, 2)), DECIMALS)
        found = _yin_yang_classes(drawn)
        for number, rows in enumerate(missing):
            fitting = drawn[found == number][: len(rows)]
            points[rows[: len(fitting)]] = fitting
            missing[number] = rows[len(fitting) :]
    return points


def _yin_yang_classes(points: np.ndarray) -> np.ndarray:
    """0 and 1: the halves of the disc of radius 0.5 around (0.5, 0.5); 2: the dots; -1: outside.

    Class 1 is the upper half, with the bulge of radius 0.25 of the left dot and without that of the right.
    """
    x, y = points.T
    left, right = np.hypot(x - 0.25, y - 0.5), np.hypot(x - 0.75, y - 0.5)
    upper = (left <= 0.25) | ((y > 0.5) & (right > 0.25))
    classes = np.where((left < 0.1) | (right < 0.1), 2, upper.astype(np.int64))
    return np.where(np.hypot(x - 0.5, y - 0.5) > 0.5, -1, classes)


_POINTS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "xor": _xor,
    "moons": _moons,
    "circles": _circles,
    "spiral": _spiral,
    "blobs": _blobs,
    "yin_yang": _yin_yang,
}
