"""Where an op writes what it is in ONNX. The package that knows the format is core.export's to load."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.model.graph import Node

if TYPE_CHECKING:
    from lockstep.core.model.ops.op import Op


class NotExportable(LockstepError):
    """The model has a part that ONNX does not know; the message names the layer."""


class OnnxGraph(Protocol):
    """A graph of ONNX in the making, of which values are strings; all are of `dtype` unless a method says so.

    `data` is what comes into the model, (rows, columns). `shapes` holds those of our own nodes' values,
    without the rows.
    """

    dtype: np.dtype
    data: str
    shapes: dict[str, tuple[int, ...]]

    def emit(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Append one node; gives its only output."""

    def emit_several(
        self, op: str, inputs: Sequence[str], outputs: int, *, name: str = "", **attributes: Any
    ) -> list[str]:
        """Append one node of several outputs."""

    def constant(self, array: np.ndarray) -> str:
        """A constant array of its own dtype."""

    def number(self, value: float) -> str:
        """A constant number of the model's dtype."""

    def whole(self, *values: int) -> str:
        """A constant list of int64, as shapes and axes are given."""

    def cast(self, value: str, dtype: np.dtype) -> str:
        """The value in another dtype."""

    def zeros(self, shape: str) -> str:
        """Zeros of a shape that is a value itself."""

    def parameter(self, node: Node) -> str:
        """The learned array that a node reads."""

    def buffer(self, node: Node) -> str:
        """The array of the model's state that a node reads."""

    def body(self, name: str, step: "Step", states: Sequence[int], given: int) -> Any:
        """The graph of one step of a Scan, for its attribute `body`.

        `states` are the widths of what passes from step to step, `given` that of what comes in at each; the
        first state also goes out.
        """


Step = Callable[[OnnxGraph, str, Sequence[str]], list[str]]
"""Appends a step of a loop: (its graph, what comes in, the states before) -> the states after it."""
OnnxWriter = Callable[["Op", OnnxGraph, Node, Sequence[str]], str]
"""`Op.onnx` of an op."""


def as_onnx(op: str, **attributes: Any) -> OnnxWriter:
    """The op of ONNX on the same inputs, for Op.onnx."""

    def write(self: "Op", out: OnnxGraph, node: Node, inputs: Sequence[str]) -> str:  # noqa: ARG001 - Op.onnx's
        return out.emit(op, *inputs, **attributes, name=node.name)

    return write


def not_in_onnx(self: "Op", out: OnnxGraph, node: Node, inputs: Sequence[str]) -> str:  # noqa: ARG001 - likewise
    """For Op.onnx where ONNX has nothing like it. Raises NotExportable."""
    raise NotExportable(
        f'expected layers that ONNX export knows, got "{node.op}" (layer "{node.name}"); '
        "download the weights as safetensors instead"
    )
