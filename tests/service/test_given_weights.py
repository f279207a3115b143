"""Weights from files, as a spec's start."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from lockstep.core.ground.errors import InvalidData, SpecError
from lockstep.core.model.encoding import to_npz
from lockstep.service.given_weights import with_weights
from tests.core.learning.training_jobs import training
from tests.specs import DIGITS, LINE

RANDOM = np.random.default_rng(2)
WEIGHTS = {
    "0.weight": RANDOM.normal(size=(32, 64)).astype(np.float32),
    "0.bias": np.array([1e-45, 3.4028235e38, -0.0, *RANDOM.normal(size=29)], np.float32),
    "2.weight": RANDOM.normal(size=(10, 32)).astype(np.float32),
    "2.bias": RANDOM.normal(size=10).astype(np.float32),
}


def saved(folder: Path, weights: dict[str, Any], suffix: str = ".safetensors") -> Path:
    path = folder / f"model{suffix}"
    if suffix == ".npz":
        np.savez(path, **weights)
    else:
        save_file(weights, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_every_bit_arrives(tmp_path: Path, suffix: str) -> None:
    spec = with_weights(DIGITS, saved(tmp_path, WEIGHTS, suffix))

    parameters = training(json.loads(json.dumps(spec))).parameters
    for name, array in parameters.export().items():
        assert array.tobytes() == WEIGHTS[name].tobytes()
    assert "initial_weights" not in DIGITS["model"]


def test_our_own_npz_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(to_npz(WEIGHTS))

    assert with_weights(DIGITS, path) == with_weights(DIGITS, saved(tmp_path, WEIGHTS))


def test_an_expression_takes_them_as_its_values(tmp_path: Path) -> None:
    spec = with_weights(LINE, saved(tmp_path, {"a": np.array(2.5), "b": np.array(-1.0)}))

    assert spec["model"]["parameters"] == {"a": 2.5, "b": -1.0}


def without(name: str) -> dict[str, Any]:
    return {each: array for each, array in WEIGHTS.items() if each != name}


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (without("2.bias"), InvalidData, "got none for 2.bias"),
        (WEIGHTS | {"3.bias": np.ones(1)}, SpecError, "/model/initial_weights/3.bias: expected names"),
        (WEIGHTS | {"2.weight": np.ones((32, 10))}, SpecError, "2.weight: expected the shape (10, 32)"),
        (WEIGHTS | {"2.bias": np.full(10, np.nan)}, InvalidData, "finite numbers in 2.bias"),
        (WEIGHTS | {"2.bias": np.ones(10, bool)}, InvalidData, "numbers in 2.bias, got bool"),
    ],
)
def test_weights_of_another_model_are_refused(
    tmp_path: Path, weights: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        with_weights(DIGITS, saved(tmp_path, weights))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pt", b""),
        ("model.npz", b""),
        ("model.npz", b"PK\x03\x04 and then nothing"),
        ("model.safetensors", struct.pack("<Q", 10**12) + b"{}"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidData, match="expected"):
        with_weights(DIGITS, tmp_path / name)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="a long double is a double here")
def test_long_doubles_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"in 0\.bias, got (longdouble|float128|float96)"):
        with_weights(DIGITS, saved(tmp_path, {"0.bias": np.ones(32, np.longdouble)}, ".npz"))


def test_objects_in_an_npz_are_not_unpickled(tmp_path: Path) -> None:
    objects = np.array([object()], dtype=object)

    with pytest.raises(InvalidData, match="plain arrays"):
        with_weights(DIGITS, saved(tmp_path, {"0.bias": objects}, ".npz"))


def test_a_job_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match='a "model"'):
        with_weights({"kind": "minimize"}, saved(tmp_path, WEIGHTS))
