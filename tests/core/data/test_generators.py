import math
from typing import get_args

import numpy as np
import pytest

from lockstep.core.data.generators import generate
from lockstep.core.data.shapes import shape_of
from lockstep.core.data.spec import GeneratorName
from lockstep.core.spec import GeneratedData

NAMES = get_args(GeneratorName)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 300])
def test_shapes_are_as_foretold(name: GeneratorName, size: int) -> None:
    data = GeneratedData(generator=name, size=size)
    x, y = generate(data)
    shape = shape_of(data)
    assert (shape.rows, shape.columns) == x.shape == (size, x.shape[1])
    assert x.dtype == np.float64
    assert y.shape == (size,)
    if shape.target == "classes":
        assert y.dtype == np.int64
        assert set(y.tolist()) == set(range(min(size, shape.outputs)))


@pytest.mark.parametrize("name", NAMES)
def test_settings_alone_decide(name: GeneratorName) -> None:
    def x_and_y(**settings: float) -> tuple[list[float], list[float]]:
        x, y = generate(GeneratedData.model_validate({"generator": name, "size": 50, **settings}))
        return x.tolist(), y.tolist()

    assert x_and_y(seed=1) == x_and_y(seed=1)
    assert x_and_y(seed=1) != x_and_y(seed=2)
    assert x_and_y(noise=0.1) != x_and_y(noise=0.2)


@pytest.mark.parametrize("name", ["spiral", "blobs"])
def test_classes_can_be_chosen(name: GeneratorName) -> None:
    _, y = generate(GeneratedData(generator=name, size=100, classes=7))
    assert np.bincount(y).tolist() == [15, 15, 14, 14, 14, 14, 14]


def without_noise(name: GeneratorName, **settings: int) -> tuple[np.ndarray, np.ndarray]:
    return generate(GeneratedData.model_validate({"generator": name, "size": 500, "noise": 0, **settings}))


def test_curves() -> None:
    x, y = without_noise("line")
    assert np.array_equal(y, 2 * x[:, 0] + 1)
    x, y = without_noise("quadratic")
    assert np.array_equal(y, x[:, 0] ** 2)
    assert x.min() < -0.9
    assert x.max() > 0.9


def test_xor() -> None:
    x, y = without_noise("xor")
    assert np.array_equal(y, (x[:, 0] * x[:, 1] < 0).astype(int))


def test_moons() -> None:
    x, y = without_noise("moons")
    centres = np.array([[0, 0], [1, 0.5]])[y]
    assert np.allclose(np.linalg.norm(x - centres, axis=1), 1, atol=1e-5)
    assert ((x - centres)[:, 1] * (1 - 2 * y) >= -1e-5).all()


def test_circles() -> None:
    x, y = without_noise("circles")
    assert np.allclose(np.linalg.norm(x, axis=1), np.array([1, 0.5])[y], atol=1e-5)


def test_spiral() -> None:
    x, y = without_noise("spiral", classes=3)
    radius = np.linalg.norm(x, axis=1)
    angle = 2 * np.pi * (0.75 * radius + y / 3)
    assert np.allclose(x, radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), atol=1e-5)


def test_blobs() -> None:
    x, y = generate(GeneratedData(generator="blobs", size=3000, noise=0.2, classes=4))
    centres = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[y]
    assert (x - centres).std() == pytest.approx(0.2, rel=0.05)


def test_noise_of_a_curve_is_on_its_values() -> None:
    x, y = generate(GeneratedData(generator="line", size=3000, noise=0.3))
    assert (y - 2 * x[:, 0] - 1).std() == pytest.approx(0.3, rel=0.05)


def yin_yang_class(x: float, y: float) -> int:
    """The published definition, point by point."""
    left, right = math.hypot(x - 0.25, y - 0.5), math.hypot(x - 0.75, y - 0.5)
    if right < 0.1 or left < 0.1:
        return 2
    return int(right <= 0.1 or 0.1 < left <= 0.25 or (y > 0.5 and right > 0.25))


def test_yin_yang() -> None:
    x, y = generate(GeneratedData(generator="yin_yang", size=600))

    assert [yin_yang_class(*point) for point in x[:, :2]] == y.tolist()
    assert np.linalg.norm(x[:, :2] - 0.5, axis=1).max() <= 0.5
    assert np.allclose(x[:, 2:], 1 - x[:, :2], atol=1e-6)


def test_yin_yang_has_noise_when_asked() -> None:
    blurred = GeneratedData(generator="yin_yang", size=300, noise=0.2)

    assert blurred.noise == 0.2
    assert GeneratedData(generator="yin_yang").noise == 0
    assert np.linalg.norm(generate(blurred)[0][:, :2] - 0.5, axis=1).max() > 0.6
