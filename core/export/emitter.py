"""Collects the parts of an ONNX graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from lockstep.core.model.graph import Node
from lockstep.core.model.ops.onnx_graph import Step
from lockstep.core.model.parameters import Parameters, little_endian

TENSOR_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int64): TensorProto.INT64,
}


class Emitter:
    """Nodes and constants of one graph (`OnnxGraph` of the ops), all values being of the parameters' dtype.

    Values are strings, as ONNX has it. `data` is what comes into the model; `shapes` holds those of our own
    nodes' values, without the rows.
    """

    def __init__(self, parameters: Parameters, data: str = "", prefix: str = "") -> None:
        self.dtype = parameters.dtype
        self.data = data
        self.prefix = prefix
        self._parameters = parameters
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

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

    def zeros(self, shape: str) -> str:
        """Zeros of a shape that is a value itself."""
        return self.emit("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1, self.dtype)))

    def parameter(self, node: Node) -> str:
        """The learned array that a node reads."""
        return self.constant(self._parameters.views[node.name], _stored(node))

    def buffer(self, node: Node) -> str:
        """The array of the model's state that a node reads."""
        return self.constant(self._parameters.buffers[node.name], _stored(node))

    def body(self, name: str, step: Step, states: Sequence[int], given: int) -> GraphProto:
        """See OnnxGraph: a graph inside the next node. It sees all values; its own are named after that."""
        inner = Emitter(self._parameters, self.data, f"{self.prefix}{len(self.nodes)}:")
        comes = f"{inner.prefix}given"
        before = [f"{inner.prefix}state:{place}" for place in range(len(states))]
        after = step(inner, comes, before)
        told = inner.emit("Identity", after[0])
        into = [*zip(before, states, strict=True), (comes, given)]
        out = [*zip(after, states, strict=True), (told, states[0])]
        inputs, outputs = ([self._of_rows(value, width) for value, width in each] for each in (into, out))
        return helper.make_graph(inner.nodes, name, inputs, outputs, list(inner.constants.values()))

    def _of_rows(self, value: str, width: int) -> ValueInfoProto:
        return helper.make_tensor_value_info(value, TENSOR_TYPES[self.dtype], ["rows", width])


def _stored(node: Node) -> str:
    """The name of a parameter; one of an expression's must not be that of an input or output."""
    return node.name if "." in node.name else f"parameter.{node.name}"
