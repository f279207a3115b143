"""Collects the parts of an ONNX graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lockstep.core.ground.errors import LockstepError
from lockstep.core.model.graph import Node
from lockstep.core.model.parameters import little_endian

TENSOR_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE}


class NotExportable(LockstepError):
    """The model has a part that ONNX export does not know; the message names the layer."""


class Emitter:
    """Nodes and constants of one graph, all values being of `dtype` unless a method says otherwise.

    Values are strings, as ONNX has it. `shapes` holds those of our own nodes' values, without the rows.
    """

    def __init__(self, dtype: np.dtype, prefix: str = "") -> None:
        self.dtype = dtype
        self.prefix = prefix
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def inside(self) -> "Emitter":
        """For a graph inside the next node: it sees all values, and its own are named after it."""
        return Emitter(self.dtype, f"{self.prefix}{len(self.nodes)}:")

    def emit(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Append one node; gives its only output."""
        return self.emit_several(op, inputs, 1, name=name, **attributes)[0]

    def emit_several(
        self, op: str, inputs: Sequence[str], outputs: int, *, name: str = "", **attributes: Any
    ) -> list[str]:
        """Append one node of several outputs."""
        stem = f"{self.prefix}{name or op}:{len(self.nodes)}"
        values = [stem] if outputs == 1 else [f"{stem}:{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), values, name=stem, **attributes))
        return values

    def constant(self, array: np.ndarray, name: str = "") -> str:
        """A constant array of its own dtype; one that is there already is not stored twice."""
        array = little_endian(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if name or key not in self._known:
            stored = name or f"{self.prefix}constant:{len(self.constants)}"
            self.constants[stored] = numpy_helper.from_array(array, stored)
            self._known[key] = stored
        return self._known[key]

    def number(self, value: float) -> str:
        """A constant number of the model's dtype."""
        return self.constant(np.array(value, self.dtype))

    def whole(self, *values: int) -> str:
        """A constant list of int64, as shapes and axes are given."""
        return self.constant(np.array(values, np.int64))

    def cast(self, value: str, dtype: np.dtype) -> str:
        """The value in another dtype."""
        return self.emit("Cast", value, to=TENSOR_TYPES[np.dtype(dtype)])


Writer = Callable[[Emitter, Node, Sequence[str]], str]
"""Appends what one node of ours is in ONNX: (emitter, node, the values of its inputs) -> its value."""

Writers = Mapping[str, Writer]
"""By the name of the op."""
