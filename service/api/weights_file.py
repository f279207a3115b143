"""Weights as files."""

from typing import Literal

from core.data.dataset import Preprocessing
from core.encoding import from_safetensors, to_npz, weights_to_json
from core.spec import ResolvedSpec
from service.api.wire import dump_json
from service.errors import unprocessable
from service.store.weights import StoredWeights

WeightsOnly = Literal["npz", "safetensors", "json"]
Format = Literal[WeightsOnly, "onnx"]
MEDIA_TYPES: dict[Format, str] = {
    "npz": "application/octet-stream",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "onnx": "application/octet-stream",
}


def in_format(safetensors: bytes, format: WeightsOnly) -> bytes:
    """The file's bytes, the same for the same weights. JSON holds nested lists; a scalar is a bare number."""
    if format == "safetensors":
        return safetensors
    arrays = dict(sorted(from_safetensors(safetensors).items()))  # as they come, their order is by chance
    return to_npz(arrays) if format == "npz" else dump_json(weights_to_json(arrays))


def model_in_onnx(spec_json: str, stored: StoredWeights) -> bytes:
    """The model as ONNX; refuses one that has a layer without a counterpart there."""
    # Loading ONNX takes a fifth of a second, which every start of the service would pay for few downloads.
    from core.export.emitter import NotExportable
    from core.export.onnx import to_onnx

    try:
        return to_onnx(
            ResolvedSpec.model_validate_json(spec_json),
            from_safetensors(stored.safetensors),
            Preprocessing.from_json(stored.preprocessing_json),
        )
    except NotExportable as error:
        raise unprocessable("", "not_exportable", str(error)) from error
