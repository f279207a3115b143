"""Nodes without inputs: the data, the parameters, constants. Their arrays are there before the first call."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op, ScalarRule
from lockstep.core.model.parameters import Parameters


class Source(Op):
    """A value that is given."""

    varies = True

    def forward(self, site: Site) -> None:
        """Nothing to compute."""

    def gradient(self, site: Site) -> None:
        """Nothing to pass on."""


class Input(Source):
    """All columns of the batch, (rows, columns)."""

    name = "input"
    kind = "data"
    formula = Notation("{y} = the inputs of each row", ())

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """What comes into the model."""
        del node, inputs
        return out.data

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray:  # noqa: ARG002
        """The data."""
        return x


class Column(Source):
    """One column of the batch, (rows,); attribute `column` is its number."""

    name = "column"
    kind = "data"
    formula = Notation("{y} = one input of each row", ())

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """One column (rows,) of the inputs (rows, columns)."""
        del inputs
        column = out.constant(np.array(node.whole("column"), np.int64))
        return out.emit("Gather", out.data, column, axis=1, name=node.name)

    def rule(self, node: Node) -> ScalarRule:
        """One number for each row."""
        return ScalarRule(f"x{node.whole('column')}_{{row}}")

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray:  # noqa: ARG002
        """A part of the data."""
        return x[:, node.whole("column")]


class ParameterValue(Source):
    """One parameter; attribute `parameter` is its number in the graph."""

    name = "parameter"
    kind = "parameter"
    formula = Notation("{y} is learned", ())

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """A constant."""
        del inputs
        return out.parameter(node)

    def rule(self, node: Node) -> ScalarRule:
        """A number that the update changes."""
        return ScalarRule(f"p{node.whole('parameter')}")

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray:  # noqa: ARG002
        """A part of the flat vector."""
        return parameters.views[node.name]


class BufferValue(Source):
    """State that is not learned; attribute `buffer` is its number in the graph."""

    name = "buffer"
    kind = "buffer"
    formula = Notation("{y} follows the batches", ())

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """A constant."""
        del inputs
        return out.buffer(node)

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray:  # noqa: ARG002
        """Where the model keeps it."""
        return parameters.buffers[node.name]


class ConstantValue(Source):
    """A number of an expression; attribute `value`."""

    name = "constant"
    kind = "constant"
    varies = False
    formula = Notation("{y} is a number", ())

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """A constant."""
        del inputs
        return out.number(node.number("value"))

    def rule(self, node: Node) -> ScalarRule | None:
        """The number as it is written in Python."""
        value = node.number("value")
        return ScalarRule(repr(value)) if isfinite(value) else None

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray:  # noqa: ARG002
        """An array of its own."""
        return np.array(node.number("value"), dtype=parameters.dtype)
