"""Weights as files."""

from typing import Literal

from core.encoding import to_npz, weights_to_json
from core.errors import InvalidData
from core.inference import input_columns
from core.spec import AnyResolvedSpec, ResolvedSpec
from service.api.wire import dump_json
from service.errors import unprocessable
from service.store.damage import damaged
from service.store.weights import StoredWeights

WeightsOnly = Literal["npz", "safetensors", "json"]
Format = Literal[WeightsOnly, "onnx"]
MEDIA_TYPES: dict[Format, str] = {
    "npz": "application/octet-stream",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "onnx": "application/octet-stream",
}


def in_format(stored: StoredWeights, format: WeightsOnly) -> bytes:
    """The file's bytes, the same for the same weights; raises Damaged.

    JSON holds nested lists; a scalar is a bare number.
    """
    if format == "safetensors":
        return stored.safetensors
    arrays = dict(sorted(stored.arrays().items()))  # as they come, their order is by chance
    return to_npz(arrays) if format == "npz" else dump_json(weights_to_json(arrays))


def model_in_onnx(spec: AnyResolvedSpec, stored: StoredWeights) -> bytes:
    """The model as ONNX; refuses one that has a layer without a counterpart there. Raises Damaged."""
    if not isinstance(spec, ResolvedSpec):
        raise damaged("spec", stored.job_id, f"it is of the kind {spec.kind}")
    # Loading ONNX takes a fifth of a second, which every start of the service would pay for few downloads.
    from core.export.emitter import NotExportable
    from core.export.onnx import to_onnx

    try:
        return to_onnx(spec, stored.arrays(), stored.preprocessing(input_columns(spec)))
    except InvalidData as error:
        raise damaged("weights", stored.job_id, error) from error
    except NotExportable as error:
        raise unprocessable("", "not_exportable", str(error)) from error
