"""Embedding and attention."""

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from onnx import TensorProto

from lockstep.core.export.elementwise import number
from lockstep.core.export.emitter import Emitter, Writers
from lockstep.core.model.graph import Node


def _embedding(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """A row of the weight for each whole number; they come in the inputs' dtype."""
    numbers = out.emit("Cast", inputs[0], to=TensorProto.INT64)
    return out.emit("Gather", inputs[1], numbers, axis=0, name=node.name)


def _attention(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """softmax(q kᵀ / √size) v for each head, from q, k and v side by side (rows, length, 3 · features)."""
    length, features = node.shape
    heads = int(number(node, "heads"))
    size = features // heads
    queries, *others = out.emit_several("Split", inputs[:1], 3, axis=2, num_outputs=3)
    # Beside the product onnxruntime would make it a factor of that, which it holds in float32.
    scaled = out.emit("Mul", queries, out.number(1.0 / math.sqrt(size)))
    q, k, v = (
        out.emit(
            "Transpose",
            out.emit("Reshape", part, out.whole(0, length, heads, size)),
            perm=[0, 2, 1, 3],
        )
        for part in (scaled, *others)
    )
    scores = out.emit("MatMul", q, out.emit("Transpose", k, perm=[0, 1, 3, 2]))
    if node.attributes["causal"]:
        later = np.triu(np.full((length, length), -np.inf, out.dtype), 1)
        scores = out.emit("Add", scores, out.constant(later))
    mixed = out.emit("MatMul", out.emit("Softmax", scores, axis=-1), v)
    side_by_side = out.emit("Transpose", mixed, perm=[0, 2, 1, 3])
    return out.emit("Reshape", side_by_side, out.whole(0, length, features), name=node.name)


WRITERS: Writers = MappingProxyType({"embedding": _embedding, "attention": _attention})
