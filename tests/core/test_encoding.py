"""Weights as bytes and as JSON."""

import io
import json
import math

import numpy as np
import pytest

from core.encoding import from_safetensors, spell, to_json, to_npz, to_safetensors, weights_to_json
from core.errors import InvalidData

WEIGHTS = {
    "0.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "a": np.array(2.5),
    "file": np.array([math.nan, math.inf, -math.inf, -0.0]),
    "strided": np.arange(10.0)[::3],
    "big": np.arange(3, dtype=">f8"),
}


def assert_equal(found: dict[str, np.ndarray]) -> None:
    assert set(found) == set(WEIGHTS)
    for name, array in found.items():
        np.testing.assert_array_equal(array, WEIGHTS[name])
        assert array.shape == WEIGHTS[name].shape
        assert array.dtype.name == WEIGHTS[name].dtype.name


def test_safetensors_round_trip() -> None:
    """Transposed, strided and big-endian arrays included: as they stand safetensors would garble them."""
    assert_equal(from_safetensors(to_safetensors(WEIGHTS, {"spec": "{}"})))


def test_npz_round_trip() -> None:
    with np.load(io.BytesIO(to_npz(WEIGHTS)), allow_pickle=False) as archive:
        assert_equal({name: archive[name] for name in archive.files})


def test_equal_weights_give_equal_bytes() -> None:
    copies = {name: array.copy() for name, array in WEIGHTS.items()}

    assert to_npz(WEIGHTS) == to_npz(copies)
    assert to_safetensors(WEIGHTS) == to_safetensors(copies)


@pytest.mark.parametrize("data", [b"", b"12345678", b"\xff" * 40, to_safetensors(WEIGHTS)[:-3]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidData, match="expected safetensors"):
        from_safetensors(data)


def test_json_has_bare_scalars_and_names_for_what_is_not_finite() -> None:
    assert weights_to_json(WEIGHTS) == {
        "0.weight": [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]],
        "a": 2.5,
        "file": ["NaN", "Infinity", "-Infinity", -0.0],
        "strided": [0.0, 3.0, 6.0, 9.0],
        "big": [0.0, 1.0, 2.0],
    }
    json.dumps(weights_to_json(WEIGHTS), allow_nan=False)


def test_json_keeps_every_bit_of_a_float32() -> None:
    array = np.array([0.1, 1e-45, 3.4e38], np.float32)

    assert np.array(json.loads(json.dumps(to_json(array))), np.float32).tobytes() == array.tobytes()


def test_json_keeps_whole_numbers_whole() -> None:
    assert json.dumps(to_json(np.array([1, 2]))) == "[1, 2]"


@pytest.mark.parametrize(
    ("value", "expected"), [(1.5, 1.5), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_spelling(value: float, expected: float | str) -> None:
    assert spell(value) == expected
