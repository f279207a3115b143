"""Weights as files."""

import json
from typing import Literal

from lockstep.core.data.shapes import class_names_of
from lockstep.core.ground.errors import ExpressionError, InvalidData
from lockstep.core.learning.inference import input_columns
from lockstep.core.model.encoding import to_npz, weights_to_json, with_metadata
from lockstep.core.model.ops.onnx_graph import NotExportable
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.service.api.wire import dump_json
from lockstep.service.errors import unprocessable
from lockstep.service.store.damage import damaged
from lockstep.service.store.errors import Damaged
from lockstep.service.store.specs import WholeSpec
from lockstep.service.store.weights import StoredWeights

Format = Literal["npz", "safetensors", "json", "onnx"]
MEDIA_TYPES: dict[Format, str] = {
    "npz": "application/octet-stream",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "onnx": "application/octet-stream",
}


def in_format(stored: StoredWeights, format: Format, spec: WholeSpec | None) -> bytes:
    """The file's bytes, the same for the same weights; raises Damaged.

    JSON holds nested lists; a scalar is a bare number. `spec`: the job's, for onnx and safetensors; where it
    can't be read (None), a safetensors file lacks what is done to the inputs, and says so.
    """
    if format == "onnx":
        return _model_in_onnx(None if spec is None else spec.resolved(), stored)
    if format == "safetensors":
        try:
            return with_metadata(stored.safetensors, _metadata(stored, spec))
        except (ValueError, TypeError) as error:
            raise damaged("weights", stored.job_id, error) from error
    arrays = dict(sorted(stored.arrays().items()))  # as they come, their order is by chance
    return to_npz(arrays) if format == "npz" else dump_json(weights_to_json(arrays))


def _metadata(stored: StoredWeights, spec: WholeSpec | None) -> dict[str, str]:
    """What is done to the inputs first, or why that is not known; the weights themselves are sound."""
    lost = "the stored spec can't be read"
    try:
        resolved = None if spec is None else spec.resolved()
        if isinstance(resolved, ResolvedSpec):
            fitted = stored.preprocessing(input_columns(resolved))
            return {"preprocessing": json.dumps(fitted.told(class_names_of(resolved.data)))}
        if resolved is not None:
            return {"preprocessing": json.dumps(None)}
    except (Damaged, ExpressionError) as error:
        lost = str(error)
    return {"preprocessing_damaged": lost}


def _model_in_onnx(spec: AnyResolvedSpec | None, stored: StoredWeights) -> bytes:
    """The model as ONNX; refuses one that has a layer without a counterpart there. Raises Damaged."""
    if not isinstance(spec, ResolvedSpec):
        raise damaged("spec", stored.job_id, "it is that of a job without a model")
    # Loading ONNX takes a fifth of a second, which every start of the service would pay for few downloads.
    from lockstep.core.export.onnx import to_onnx

    try:
        return to_onnx(spec, stored.arrays(), stored.preprocessing(input_columns(spec)))
    except InvalidData as error:
        raise damaged("weights", stored.job_id, error) from error
    except NotExportable as error:
        raise unprocessable("/query/format", "not_exportable", str(error)) from error
