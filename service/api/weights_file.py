"""Weights as files."""

import json
from typing import Literal

from core.data.shapes import class_names_of
from core.encoding import to_npz, weights_to_json, with_metadata
from core.errors import InvalidData
from core.inference import input_columns
from core.spec import AnyResolvedSpec, ResolvedSpec
from service.api.wire import dump_json
from service.errors import unprocessable
from service.store.damage import damaged
from service.store.weights import StoredWeights

Format = Literal["npz", "safetensors", "json", "onnx"]
MEDIA_TYPES: dict[Format, str] = {
    "npz": "application/octet-stream",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "onnx": "application/octet-stream",
}


def in_format(stored: StoredWeights, format: Format, spec: AnyResolvedSpec | None) -> bytes:
    """The file's bytes, the same for the same weights; raises Damaged.

    JSON holds nested lists; a scalar is a bare number. `spec`: the job's, for safetensors and onnx.
    """
    if format == "onnx":
        return _model_in_onnx(spec, stored)
    if format == "safetensors":
        told = None
        if isinstance(spec, ResolvedSpec):
            told = stored.preprocessing(input_columns(spec)).told(class_names_of(spec.data))
        return with_metadata(stored.safetensors, {"preprocessing": json.dumps(told)})
    arrays = dict(sorted(stored.arrays().items()))  # as they come, their order is by chance
    return to_npz(arrays) if format == "npz" else dump_json(weights_to_json(arrays))


def _model_in_onnx(spec: AnyResolvedSpec | None, stored: StoredWeights) -> bytes:
    """The model as ONNX; refuses one that has a layer without a counterpart there. Raises Damaged."""
    if not isinstance(spec, ResolvedSpec):
        raise damaged("spec", stored.job_id, "it is that of a job without a model")
    # Loading ONNX takes a fifth of a second, which every start of the service would pay for few downloads.
    from core.export.emitter import NotExportable
    from core.export.onnx import to_onnx

    try:
        return to_onnx(spec, stored.arrays(), stored.preprocessing(input_columns(spec)))
    except InvalidData as error:
        raise damaged("weights", stored.job_id, error) from error
    except NotExportable as error:
        raise unprocessable("", "not_exportable", str(error)) from error
