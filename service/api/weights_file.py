"""Weights as files."""

from typing import Literal

from core.encoding import from_safetensors, to_npz, weights_to_json
from service.api.wire import dump_json

Format = Literal["npz", "safetensors", "json"]
MEDIA_TYPES: dict[Format, str] = {
    "npz": "application/octet-stream",
    "safetensors": "application/octet-stream",
    "json": "application/json",
}


def in_format(safetensors: bytes, format: Format) -> bytes:
    """The file's bytes, the same for the same weights. JSON holds nested lists; a scalar is a bare number."""
    if format == "safetensors":
        return safetensors
    arrays = dict(sorted(from_safetensors(safetensors).items()))  # as they come, their order is by chance
    return to_npz(arrays) if format == "npz" else dump_json(weights_to_json(arrays))
