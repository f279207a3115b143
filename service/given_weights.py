"""Weights from a file, put into the spec of a job that is to start with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.core.data.shapes import shape_of
from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.build import build_graph
from lockstep.core.model.encoding import from_npz, from_safetensors, weights_to_json
from lockstep.core.spec import TrainSpec
from lockstep.core.submission import parse_spec

READERS = {".safetensors": from_safetensors, ".npz": from_npz}
_KINDS = "fiu"
_WIDEST_BYTES = 8  # a long double is another number on each machine


def with_weights(spec: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """`spec` with the arrays of a .safetensors or .npz file as `initial_weights`; an expression's as values.

    A float32 comes out as the very same float32. Raises InvalidData where the file can't be read, its arrays
    are no finite numbers, or one of the model's parameters and buffers is not among them; SpecError where
    they are not those of the model in another way.
    """
    reader = READERS.get(file.suffix)
    if reader is None:
        raise InvalidData(f"{file} holds no weights: expected a name that ends in {' or '.join(READERS)}")
    try:
        arrays = reader(file.read_bytes())
    except OSError as error:
        raise InvalidData(f"cannot read {file}: {error.strerror}") from error
    for name, array in arrays.items():
        _require_numbers(name, array)
    filled = _filled(spec, weights_to_json(arrays))
    _require_all(filled, arrays)
    return filled


def _require_numbers(name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > _WIDEST_BYTES:
        raise InvalidData(
            f"expected numbers in {name}, got {array.dtype}; save it as float32 or float64 before"
        )
    if not np.isfinite(array).all():
        raise InvalidData(
            f"expected finite numbers in {name}, got NaN or infinity; such weights learn nothing"
        )


def _filled(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    model = spec.get("model")
    if not isinstance(model, Mapping) or not {"layers", "expression"} & set(model):
        raise InvalidData('expected a job with a "model", because weights are given for it, got none')
    key = "parameters" if "expression" in model else "initial_weights"
    return {**spec, "model": {**model, key: dict(values)}}


def _require_all(spec: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """What the service would draw, because it takes parts of a model too, is an oversight here."""
    parsed = parse_spec(spec)
    if not isinstance(parsed, TrainSpec):
        return
    graph = build_graph(parsed.model, shape_of(parsed.data).columns)
    names = [*(parameter.name for parameter in graph.parameters), *(buffer.name for buffer in graph.buffers)]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InvalidData(f"expected all of the model's weights, got none for {', '.join(missing[:10])}")
