"""The affine map, and what only changes a shape."""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from lockstep.core.export.emitter import Emitter, Writers
from lockstep.core.model.graph import Node


def _linear(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """x W + b over the last axis; W is stored as (in, out)."""
    if len(node.shape) == 1:
        return out.emit("Gemm", *inputs, name=node.name)
    product = out.emit("MatMul", *inputs[:2], name=node.name)
    return out.emit("Add", product, inputs[2], name=node.name) if len(inputs) > 2 else product


def _column(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """One column (rows,) of the inputs (rows, columns)."""
    column = out.constant(np.array(node.attributes["column"], np.int64))
    return out.emit("Gather", inputs[0], column, axis=1, name=node.name)


def _reshape(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("Reshape", inputs[0], out.whole(-1, *node.shape), name=node.name)


def _concat(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    axis = node.attributes["axis"]
    if not isinstance(axis, int):
        raise TypeError(f"expected a whole number as axis of node {node.id}, got {axis!r}")
    return out.emit("Concat", *inputs, axis=axis + 1, name=node.name)


WRITERS: Writers = MappingProxyType(
    {"linear": _linear, "column": _column, "flatten": _reshape, "unflatten": _reshape, "concat": _concat}
)
