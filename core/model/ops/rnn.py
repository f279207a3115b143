"""The plain recurrent op."""

from collections.abc import Callable, Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.recurrent import THROUGH_TIME, Back, Recurrent, Sums, input_product, turned


class Rnn(Recurrent):
    """h = f(x W_ih + b_ih + h' W_hh + b_hh), f being tanh or relu (attribute `nonlinearity`)."""

    name = "rnn"
    formula = Notation("{y}(t) = f({x}(t) · W_ihᵀ + b_ih + {y}(t-1) · W_hhᵀ + b_hh)", THROUGH_TIME)
    arrays = 2

    def loop(self, site: Site, states: np.ndarray) -> Callable[[], None]:
        """The sum, then the nonlinearity."""
        bias = None
        if len(site.x) > 3:
            bias = aligned(site.x[3].shape, site.dtype)
            site.call(np.add, site.x[3], site.x[4], bias)
        given, weight = input_product(site, site.x[1], bias), site.x[2]
        part = aligned(states[0].shape, site.dtype)
        zeros, is_relu = np.zeros_like(part), _is_relu(site.node)
        steps = list(zip(given, states, strict=True))

        def run() -> None:
            before = None
            for at, state in steps:
                total = at
                if before is not None:
                    total = part
                    np.matmul(before, weight, part)
                    np.add(part, at, part)
                if is_relu:
                    np.maximum(total, zeros, out=state)
                else:
                    np.tanh(total, state)
                before = state

        return run

    def loop_back(self, site: Site, gy: np.ndarray) -> Back:
        """∂z = (∂y + ∂z_next W_hhᵀ) f'(z): 1 - h², or [h > 0]."""
        states, back, zero = site.kept["states"], turned(site, site.x[2]), site.number(0.0)
        slopes = aligned(states.shape, site.dtype)
        if _is_relu(site.node):
            above = np.empty(states.shape, dtype=bool)
            site.call(np.greater, states, zero, above)
            site.call(np.copyto, slopes, above)
        else:
            site.call(np.multiply, states, states, slopes)
            site.call(np.subtract, site.number(1.0), slopes, slopes)
        to_sums = aligned(states.shape, site.dtype)
        steps = list(zip(gy, slopes, to_sums, strict=True))
        carry = aligned(states[0].shape, site.dtype)

        def run() -> None:
            np.copyto(carry, zero)
            for at, slope, to_sum in reversed(steps):
                np.add(carry, at, carry)
                np.multiply(carry, slope, to_sum)
                np.matmul(to_sum, back, carry)

        return Back(to_input=to_sums, to_state=to_sums, run=run)

    def cell(self, body: OnnxGraph, node: Node, sums: Sums, before: Sequence[str]) -> list[str]:
        """The sum, then the nonlinearity."""
        del before
        bend = "Relu" if _is_relu(node) else "Tanh"
        return [body.emit(bend, body.emit("Add", sums.given, sums.product))]


def _is_relu(node: Node) -> bool:
    return node.attributes["nonlinearity"] == "relu"
