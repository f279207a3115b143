"""What recurrent ops share. Each op is one layer in one direction.

Inputs are x (rows, length, in), weight_ih (in, gates · hidden), weight_hh (hidden, gates · hidden) and, where
there are biases, bias_ih and bias_hh (gates · hidden,); y (rows, length, hidden) are the states. Attribute
`reverse`: 1 where time runs from the last position to the first. The state before the first is 0.

The input's products for all positions are one product, and so are the gradients of the weights; the loop over
time does what is left, through views that are made once. A sigmoid is ½ + ½ tanh(½ z): numpy's tanh takes
half the time of exp, sum and quotient. The ½ inside goes into copies of the weights, which is exact.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op

THROUGH_TIME = ("∂loss/∂input = Σ over the times t of ∂loss/∂{y}(t) · ∂{y}(t)/∂input",)
"""The slopes in a recurrent op's formula."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """The two sums of a step in ONNX: of what comes in, and of the state before."""

    given: str
    product: str


class Recurrent(Op):
    """A loop over time: `loop` gives it, `loop_back` its gradient.

    Inside, arrays have the axes (length, rows, features), in the order of time: each step's part of them then
    lies in one piece.

    `arrays` is how many there are of the gates at all positions, forward and back; `states` how many numbers
    each unit passes from step to step.
    """

    reads_input = False
    arrays: ClassVar[int]
    states: ClassVar[int] = 1

    def forward(self, site: Site) -> None:
        """The input and the states are kept."""
        x = site.kept["x"] = _timed(site, site.x[0])
        states = site.kept["states"] = aligned((*x.shape[:2], site.y.shape[-1]), site.dtype)
        site.call(self.loop(site, states))
        site.call(np.copyto, _in_time(site, site.y), states)

    def gradient(self, site: Site) -> None:
        """Back through time, then the products with what came in."""
        back = self.loop_back(site, _timed(site, site.gy))
        site.call(back.run)
        self._give(site, back)

    @abstractmethod
    def loop(self, site: Site, states: np.ndarray) -> Callable[[], None]:
        """Append what goes before the loop; give the loop, which writes `states`."""

    @abstractmethod
    def loop_back(self, site: Site, gy: np.ndarray) -> "Back":
        """Append what goes before the loop backward from `gy`, shaped like the states; give the loop."""

    def _give(self, site: Site, back: "Back") -> None:
        """Append the gradients of all inputs, from those of the two sums."""
        x, states = site.kept["x"], site.kept["states"]
        to_input, to_state = _flat(back.to_input), _flat(back.to_state)
        if site.wanted[0]:
            gx = aligned(x.shape, site.dtype)
            site.call(np.matmul, to_input, site.x[1].T, _flat(gx))
            site.call(np.copyto, _in_time(site, site.gx(0)), gx)
        site.call(np.matmul, _flat(x).T, to_input, site.gx(1))
        site.call(np.matmul, _flat(states[:-1]).T, _flat(back.to_state[1:]), site.gx(2))
        if len(site.x) > 3:
            ones = site.full(aligned(len(to_input), site.dtype), 1.0)
            site.call(np.matmul, ones, to_input, site.gx(3))
            site.call(np.matmul, ones, to_state, site.gx(4))

    @abstractmethod
    def cell(self, body: OnnxGraph, node: Node, sums: Sums, before: Sequence[str]) -> list[str]:
        """Append a step in ONNX: the states after it, of which the first is the output."""

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """A Scan over the positions: onnxruntime's own layers know no float64. All states begin with 0."""
        x, weight, recurrent, *biases = inputs
        given = out.emit("MatMul", x, weight)
        if biases:
            given = out.emit("Add", given, biases[0])

        def step(body: OnnxGraph, given: str, before: Sequence[str]) -> list[str]:
            product = body.emit("MatMul", before[0], recurrent)
            if biases:
                product = body.emit("Add", product, biases[1])
            return self.cell(body, node, Sums(given=given, product=product), before)

        hidden, count = node.shape[1], self.states
        body = out.body(f"{node.name}:step", step, [hidden] * count, out.shapes[weight][1])
        by_time = _onnx_in_time(out, node, out.emit("Transpose", given, perm=[1, 0, 2]))
        rows = out.emit("Shape", x, start=0, end=1)
        start = out.zeros(out.emit("Concat", rows, out.whole(hidden), axis=0))
        scanned = out.emit_several(
            "Scan", [*[start] * count, by_time], count + 1, body=body, num_scan_inputs=1
        )
        return out.emit("Transpose", _onnx_in_time(out, node, scanned[-1]), perm=[1, 0, 2], name=node.name)

    def beside(self, node: Node, inputs: Sequence[tuple[int, ...]]) -> int:  # noqa: ARG002 - the inputs say it
        """The gates at all positions."""
        x, weight, *_ = inputs
        return x[0] * max(weight) * self.arrays // 2


@dataclass(frozen=True, kw_only=True)
class Back:
    """A loop backward: `run` writes the gradients of the two sums (length, rows, gates · hidden).

    They are x weight_ih + bias_ih and state weight_hh + bias_hh; one array where they are only added.
    """

    to_input: np.ndarray
    to_state: np.ndarray
    run: Callable[[], None]


def _in_time(site: Site, array: np.ndarray) -> np.ndarray:
    """A view of (rows, length, features) as (length, rows, features), in the order of time."""
    timed = array.swapaxes(0, 1)
    return timed[::-1] if site.attribute("reverse") else timed


def _timed(site: Site, array: np.ndarray) -> np.ndarray:
    """Append the copying of (rows, length, features) to the new array (length, rows, features)."""
    view = _in_time(site, array)
    copy = aligned(view.shape, site.dtype)
    site.call(np.copyto, copy, view)
    return copy


def _flat(array: np.ndarray) -> np.ndarray:
    """(length, rows, features) as (length · rows, features)."""
    return array.reshape(-1, array.shape[-1])


def scaled(site: Site, array: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Append array · scale, with one number for each column; give the new array."""
    product = aligned(array.shape, site.dtype)
    site.call(np.multiply, array, scale, product)
    return product


def turned(site: Site, weight: np.ndarray) -> np.ndarray:
    """Append the copying of a weight with its axes exchanged; give the copy.

    BLAS takes a third less time for the product with it than with a view, at every step.
    """
    copy = aligned(weight.shape[::-1], site.dtype)
    site.call(np.copyto, copy, weight.T)
    return copy


def input_product(site: Site, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Append x weight + bias for all positions; give the array (length, rows, gates · hidden)."""
    x = site.kept["x"]
    product = aligned((*x.shape[:2], weight.shape[1]), site.dtype)
    site.call(np.matmul, _flat(x), weight, _flat(product))
    if bias is not None:
        site.call(np.add, product, bias, product)
    return product


def _onnx_in_time(out: OnnxGraph, node: Node, value: str) -> str:
    """(length, rows, numbers) with the positions in the order of time, or back from it."""
    if not node.attributes["reverse"]:
        return value
    return out.emit("Gather", value, out.constant(np.arange(node.shape[0])[::-1]), axis=0)


def split(body: OnnxGraph, value: str, parts: int) -> list[str]:
    """Equal parts of the last axis."""
    return body.emit_several("Split", [value], parts, axis=-1, num_outputs=parts)
