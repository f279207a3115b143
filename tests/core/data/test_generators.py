"""Every generator is whole, and makes what its formula says."""

import inspect
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from lockstep.core.data.generators import GENERATORS, NEEDS, USUAL_NOISE, Generator
from lockstep.core.data.generators.circular import Moons
from lockstep.core.data.shapes import shape_of
from lockstep.core.data.sources import generate
from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.spec import GeneratedData


@pytest.mark.parametrize("need", NEEDS)
def test_a_generator_that_lacks_a_part_is_refused_by_name(need: str) -> None:
    parts = {name: inspect.getattr_static(Moons, name) for name in NEEDS if name != need}
    odd: type[Generator] = type("Odd", (Generator,), {"name": "odd", **parts})

    with pytest.raises(IncompleteWord, match=f'the generator "odd" is incomplete: give it `{need}`, '):
        Vocabulary("generator", NEEDS, [("odd", odd)])


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("size", [1, 7, 300])
def test_shapes_are_as_foretold(name: str, size: int) -> None:
    data = GeneratedData(generator=name, size=size)
    x, y = generate(data)
    shape = shape_of(data)
    assert (shape.rows, shape.columns) == x.shape == (size, x.shape[1])
    assert x.dtype == np.float64
    assert y.shape == (size,)
    if shape.target == "classes":
        assert y.dtype == np.int64
        assert set(y.tolist()) == set(range(min(size, shape.outputs)))


@pytest.mark.parametrize("name", GENERATORS)
def test_settings_alone_decide(name: str) -> None:
    def x_and_y(**settings: float) -> tuple[list[float], list[float]]:
        x, y = generate(GeneratedData.model_validate({"generator": name, "size": 50, **settings}))
        return x.tolist(), y.tolist()

    assert x_and_y(seed=1) == x_and_y(seed=1)
    assert x_and_y(seed=1) != x_and_y(seed=2)
    assert x_and_y(noise=0.1) != x_and_y(noise=0.2)


@pytest.mark.parametrize("name", [name for name, word in GENERATORS.items() if word.classes_are_free])
def test_classes_can_be_chosen(name: str) -> None:
    _, y = generate(GeneratedData(generator=name, size=100, classes=7))
    assert np.bincount(y).tolist() == [15, 15, 14, 14, 14, 14, 14]


def line(x: np.ndarray, y: np.ndarray) -> bool:
    return np.array_equal(y, 2 * x[:, 0] + 1) and spans(x)


def quadratic(x: np.ndarray, y: np.ndarray) -> bool:
    return np.array_equal(y, x[:, 0] ** 2) and spans(x)


def spans(x: np.ndarray) -> bool:
    return bool(-1 <= x.min() < -0.9 and 0.9 < x.max() < 1)


def xor(x: np.ndarray, y: np.ndarray) -> bool:
    return np.array_equal(y, x[:, 0] * x[:, 1] < 0) and spans(x)


def moons(x: np.ndarray, y: np.ndarray) -> bool:
    from_centre = x - np.array([[0, 0], [1, 0.5]])[y]
    on_half = from_centre[:, 1] * (1 - 2 * y) >= -1e-5
    return near(np.linalg.norm(from_centre, axis=1), 1) and bool(on_half.all())


def circles(x: np.ndarray, y: np.ndarray) -> bool:
    return near(np.linalg.norm(x, axis=1), np.array([1, 0.5])[y])


def spiral(x: np.ndarray, y: np.ndarray) -> bool:
    radius = np.linalg.norm(x, axis=1)
    angle = 2 * np.pi * (0.75 * radius + y / 2)
    return near(x, radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))


def blobs(x: np.ndarray, y: np.ndarray) -> bool:
    return near(x, np.array([[1, 0], [-0.5, math.sqrt(0.75)], [-0.5, -math.sqrt(0.75)]])[y])


def yin_yang(x: np.ndarray, y: np.ndarray) -> bool:
    inside = np.linalg.norm(x[:, :2] - 0.5, axis=1).max() <= 0.5
    mirrored = near(x[:, 2:], 1 - x[:, :2])
    return [yin_yang_class(*point) for point in x[:, :2]] == y.tolist() and inside and mirrored


def yin_yang_class(x: float, y: float) -> int:
    """The published definition, point by point."""
    left, right = math.hypot(x - 0.25, y - 0.5), math.hypot(x - 0.75, y - 0.5)
    if right < 0.1 or left < 0.1:
        return 2
    return int(right <= 0.1 or 0.1 < left <= 0.25 or (y > 0.5 and right > 0.25))


def near(one: np.ndarray, other: np.ndarray | float) -> bool:
    return np.allclose(one, other, rtol=0, atol=1e-5)


FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
    "line": line,
    "quadratic": quadratic,
    "xor": xor,
    "moons": moons,
    "circles": circles,
    "spiral": spiral,
    "blobs": blobs,
    "yin_yang": yin_yang,
}
"""Whether rows without noise are those of the formula."""


@pytest.mark.parametrize("name", GENERATORS)
def test_rows_are_those_of_the_formula(name: str) -> None:
    assert name in FORMULAS, f"write the formula of {name} into this file, and list it in FORMULAS"
    x, y = generate(GeneratedData(generator=name, size=600, noise=0))

    assert FORMULAS[name](x, y)
    assert not FORMULAS[name](x + 0.01, y)


@pytest.mark.parametrize("name", GENERATORS)
def test_inputs_are_rounded(name: str) -> None:
    x, _ = generate(GeneratedData(generator=name, size=300))

    assert np.array_equal(x, np.round(x, 6))
    assert not np.array_equal(x, np.round(x, 5))


def test_noise_of_classes_is_on_the_positions() -> None:
    x, y = generate(GeneratedData(generator="blobs", size=3000, noise=0.2, classes=4))
    centres = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[y]
    assert (x - centres).std() == pytest.approx(0.2, rel=0.05)


def test_noise_of_a_curve_is_on_its_values() -> None:
    x, y = generate(GeneratedData(generator="line", size=3000, noise=0.3))
    assert (y - 2 * x[:, 0] - 1).std() == pytest.approx(0.3, rel=0.05)


def test_yin_yang_has_noise_when_asked() -> None:
    blurred = GeneratedData(generator="yin_yang", size=300, noise=0.2)

    assert blurred.noise == 0.2
    assert GeneratedData(generator="yin_yang").noise == 0
    assert np.linalg.norm(generate(blurred)[0][:, :2] - 0.5, axis=1).max() > 0.6


@pytest.mark.parametrize("name", GENERATORS)
def test_the_schema_tells_of_it(name: str) -> None:
    schema, word = GeneratedData.model_json_schema(), GENERATORS[name]
    noise, classes = (schema["properties"][key]["description"] for key in ("noise", "classes"))

    assert name in schema["description"]
    assert GeneratedData(generator=name).noise == word.noise
    assert (f"{word.noise:g} for {name}" in noise) == (word.noise != USUAL_NOISE)
    assert (name in re.findall(r"\w+", noise.partition(", to the positions")[0])) == (word.classes == 0)
    assert (f"{name} (default {word.classes})" in classes) == word.classes_are_free
