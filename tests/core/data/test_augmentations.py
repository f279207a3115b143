"""What each augmentation does to a shard's rows."""

import inspect
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lockstep.core.data.augmentations import AUGMENTATIONS, NEEDS, Augmentations, AugmentedRows, Augmenter
from lockstep.core.data.augmentations.noise import Noise
from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.losses.mixed import Mixing

SHAPE = (2, 3, 4)
COLUMNS = 24


def rows(count: int = 50, dtype: str = "float64") -> AugmentedRows:
    """Every number is another one, and none is 0."""
    x = np.arange(1, count * COLUMNS + 1, dtype=dtype).reshape(count, COLUMNS)
    return AugmentedRows(x=x, y=np.arange(count, dtype=dtype).reshape(count, 1))


def augmenter(on: AugmentedRows, *raw: dict[str, Any], seed: int = 3) -> Augmenter:
    return Augmenter(TypeAdapter(Augmentations).validate_python(raw), seed, on)


def augmented(*raw: dict[str, Any], step: int = 5, shard: int = 2) -> tuple[np.ndarray, np.ndarray]:
    on = rows()
    augmenter(on, *raw).apply(step, shard)
    return on.x, on.y


NOISE = {"type": "noise", "std": 0.5}
MIXUP = {"type": "mixup", "alpha": 1.0}
FLIP = {"type": "flip", "shape": SHAPE}
SHIFT = {"type": "shift", "pixels": 1, "shape": SHAPE}


SETTINGS = {raw["type"]: raw for raw in (NOISE, MIXUP, FLIP, SHIFT)}


@pytest.mark.parametrize("need", NEEDS)
def test_an_augmentation_that_lacks_a_part_is_refused_by_name(need: str) -> None:
    parts = {name: inspect.getattr_static(Noise, name) for name in NEEDS if name != need}
    odd = type("Odd", (), parts)

    with pytest.raises(IncompleteWord, match=f'the augmentation "odd" is incomplete: give it `{need}`, '):
        Vocabulary("augmentation", NEEDS, [("odd", odd)])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_step_and_shard_decide(name: str) -> None:
    assert name in SETTINGS, f"write settings of {name} into SETTINGS, and a test of its definition"
    raw = SETTINGS[name]
    one = augmented(raw)[0]

    assert np.array_equal(one, augmented(raw)[0])
    assert not np.array_equal(one, augmented(raw, step=6)[0])
    assert not np.array_equal(one, augmented(raw, shard=3)[0])
    assert not np.array_equal(augmented(raw, raw)[0], one)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_what_it_says_of_numbers_and_targets_is_true(name: str) -> None:
    x, y = augmented(SETTINGS[name])

    assert AUGMENTATIONS[name].makes_fractions == bool((x != np.floor(x)).any())
    assert AUGMENTATIONS[name].mixes_targets == (not np.array_equal(y, rows().y))


def test_what_came_before_does_not_matter() -> None:
    on = rows()
    worn = augmenter(on, NOISE, MIXUP, SHIFT)
    worn.apply(1, 0)
    on.x[...], on.y[...] = rows().x, rows().y
    worn.apply(5, 2)

    assert np.array_equal(on.x, augmented(NOISE, MIXUP, SHIFT)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise(dtype: str) -> None:
    on = rows(dtype=dtype)
    augmenter(on, NOISE).apply(0, 0)
    noise = on.x - rows(dtype=dtype).x

    assert abs(noise.mean()) < 0.05
    assert noise.std() == pytest.approx(0.5, rel=0.1)


def test_mixup_mixes_rows_and_values_alike() -> None:
    x, y = augmented(MIXUP)
    plain = rows()

    # x and y are linear in the row's number, so mixed rows still lie on the line.
    np.testing.assert_allclose(x[:, 0], 1 + COLUMNS * y[:, 0])
    assert not np.array_equal(x, plain.x)
    assert x.mean() == pytest.approx(plain.x.mean())  # every row is somebody's partner once


def test_mixup_of_classes_hands_over_the_partners() -> None:
    classes = np.arange(50)
    mixing = Mixing(other_y=np.zeros(50, np.int64), share=np.zeros(()))
    on = AugmentedRows(x=rows().x, y=classes, mixing=mixing)
    augmenter(on, MIXUP).apply(0, 0)

    assert sorted(mixing.other_y) == list(range(50))
    assert np.array_equal(classes, np.arange(50))
    share = float(mixing.share)
    mixed = share * classes + (1 - share) * mixing.other_y
    np.testing.assert_allclose(on.x[:, 0], 1 + COLUMNS * mixed)


@pytest.mark.parametrize(("axis", "number"), [("horizontal", 3), ("vertical", 2)])
def test_flip(axis: str, number: int) -> None:
    images = augmented(FLIP | {"axis": axis})[0].reshape(-1, *SHAPE)
    plain = rows().x.reshape(-1, *SHAPE)
    flipped = np.flip(plain, number)
    kept = [np.array_equal(image, other) for image, other in zip(images, plain, strict=True)]
    turned = [np.array_equal(image, other) for image, other in zip(images, flipped, strict=True)]

    assert all(one != other for one, other in zip(kept, turned, strict=True))
    assert 10 < sum(turned) < 40
    assert np.array_equal(augmented(FLIP | {"axis": axis, "p": 1})[0].reshape(-1, *SHAPE), flipped)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The definition, pixel by pixel."""
    result = np.zeros_like(image)
    for channel, line, column in np.ndindex(image.shape):
        to = line + down, column + right
        if 0 <= to[0] < image.shape[1] and 0 <= to[1] < image.shape[2]:
            result[channel, to[0], to[1]] = image[channel, line, column]
    return result


@pytest.mark.parametrize("pixels", [1, 2])
def test_shift(pixels: int) -> None:
    images = augmented(SHIFT | {"pixels": pixels})[0].reshape(-1, *SHAPE)
    moves = [(a, b) for a in range(-pixels, pixels + 1) for b in range(-pixels, pixels + 1)]
    found = [
        [move for move in moves if np.array_equal(image, shifted(plain, *move))]
        for image, plain in zip(images, rows().x.reshape(-1, *SHAPE), strict=True)
    ]

    assert {len(each) for each in found} == {1}
    assert len({each[0] for each in found}) > len(moves) / 2


def test_memory_order_changes_nothing() -> None:
    on = rows()
    other = AugmentedRows(x=np.asfortranarray(on.x), y=on.y.copy())
    for each in (on, other):
        augmenter(each, NOISE, MIXUP, FLIP, SHIFT).apply(5, 2)

    assert np.array_equal(on.x, other.x)
