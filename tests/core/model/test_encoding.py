"""Weights as bytes and as JSON."""

import io
import json
import math

import numpy as np
import pytest

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.encoding import (
    from_safetensors,
    spell,
    to_json,
    to_npz,
    to_safetensors,
    weights_to_json,
)

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


def packed(kind: str, shape: list[int], data: bytes) -> bytes:
    """A safetensors file with one array, by hand: NumPy can't make some of them."""
    header = json.dumps({"w": {"dtype": kind, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def test_bfloat16_is_read_exactly() -> None:
    values = np.array([1.0, -2.5, 3.3895314e38, 0.0, 1e-40, np.inf], np.float32)
    upper = (values.view(np.uint32) >> 16).astype("<u2")

    (found,) = from_safetensors(packed("BF16", [2, 3], upper.tobytes())).values()

    assert found.dtype == np.dtype(np.float32)
    assert found.shape == (2, 3)
    assert (found.reshape(-1).view(np.uint32) == upper.astype(np.uint32) << 16).all()
    assert found[0, :2].tolist() == [1.0, -2.5]


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "F8_E8M0"])
def test_numbers_that_numpy_lacks_are_refused_by_name(kind: str) -> None:
    with pytest.raises(InvalidData, match=f"in w, got {kind}; save it as float32"):
        from_safetensors(packed(kind, [2], b"\0\0"))


@pytest.mark.parametrize(
    "dtype", ["<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "<i1", "<u8", "<u4", "<u2", "<u1", "?"]
)
def test_every_other_kind_comes_back(dtype: str) -> None:
    array = np.array([[0, 1], [1, 0]], dtype)

    (found,) = from_safetensors(to_safetensors({"w": array})).values()

    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
