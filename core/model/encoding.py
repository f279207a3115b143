"""Weights as bytes and as JSON: safetensors, npz, nested lists. Names and shapes as in the state_dict."""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from pydantic import JsonValue

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.parameters import little_endian

_DTYPES = {
    **{f"F{bits}": f"<f{bits // 8}" for bits in (64, 32, 16)},
    **{f"I{bits}": f"<i{bits // 8}" for bits in (64, 32, 16, 8)},
    **{f"U{bits}": f"<u{bits // 8}" for bits in (64, 32, 16, 8)},
    "BOOL": "?",
}
_BFLOAT16 = "BF16"

Json = JsonValue
"""A number, one of the strings "NaN", "Infinity", "-Infinity", nothing, or a list of these."""
_HEADER_ALIGNMENT = 8
"""So that the arrays behind a safetensors header begin where numbers of 8 bytes may."""


def to_safetensors(weights: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Pack. Arrays that are not C-contiguous are copied: safetensors would store them in the wrong order."""
    arrays = {name: little_endian(array) for name, array in weights.items()}
    return safetensors.numpy.save(arrays, metadata=dict(metadata) if metadata else None)


def from_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """Unpack; bfloat16 comes as the float32 whose upper half it is. Raises InvalidData on anything else."""
    try:
        entries = dict(safetensors.deserialize(data))  # type: ignore[no-untyped-call]  # as its own loaders do
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise InvalidData(f"expected safetensors, got {len(data)} other bytes: {error}") from error
    return {name: _array(name, entry) for name, entry in entries.items()}


def _array(name: str, entry: Mapping[str, Any]) -> np.ndarray:
    """An entry of a safetensors file: its dtype's name, shape and bytes."""
    kind, shape = str(entry["dtype"]), entry["shape"]
    if kind == _BFLOAT16:
        halves = np.frombuffer(entry["data"], "<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(shape)
    if kind not in _DTYPES:
        raise InvalidData(
            f"expected numbers that NumPy has in {name}, got {kind}; save it as float32 before: "
            f"expected {', '.join([*_DTYPES, _BFLOAT16])}"
        )
    return np.frombuffer(entry["data"], _DTYPES[kind]).reshape(shape)


def with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Safetensors bytes with other `__metadata__`; the arrays' bytes and places stay as they are."""
    length = int.from_bytes(data[:8], "little")
    header = _header_of(data) | {"__metadata__": dict(metadata)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _header_of(head: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
    return header


def shapes_in(head: bytes) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays by name, from the beginning of a safetensors file: all of its header.

    Raises InvalidData on anything else.
    """
    try:
        header = _header_of(head)
        return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"expected the header of a safetensors file, got other bytes: {error}") from error


def to_npz(weights: Mapping[str, np.ndarray]) -> bytes:
    """An uncompressed npz file, one .npy in it for each array; equal weights give equal bytes.

    Not by numpy.savez: there a parameter named "file" would be taken for its argument.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in weights.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, little_endian(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return stream.getvalue()


def from_npz(data: bytes) -> dict[str, np.ndarray]:
    """Unpack an npz file, as numpy.savez makes them too. Raises InvalidData on anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, AttributeError, TypeError) as error:
        raise InvalidData(
            f"expected an npz file of plain arrays, got {len(data)} other bytes: {error}"
        ) from error


def to_json(array: np.ndarray) -> Json:
    """Nested lists; a bare number for a 0-d array; whole numbers stay so; what is not finite is a string."""
    if np.isfinite(array).all():
        finite: Json = array.tolist()
        return finite
    return _spelled(array.tolist())


def _spelled(value: Json) -> Json:
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return spell(value) if isinstance(value, float) else value


def spell(value: float) -> float | str:
    """The number itself, or the name that JSON has no number for."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def weights_to_json(weights: Mapping[str, np.ndarray]) -> dict[str, Json]:
    """Every array by `to_json`, by name."""
    return {name: to_json(array) for name, array in weights.items()}
