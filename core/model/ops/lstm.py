"""Long short-term memory."""

from collections.abc import Callable, Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.recurrent import (
    THROUGH_TIME,
    Back,
    Recurrent,
    Sums,
    input_product,
    scaled,
    split,
    turned,
)


class Lstm(Recurrent):
    """h = o tanh(c), c = f c' + i g, with i, f, o sigmoids and g a tanh of x W_ih + b_ih + h' W_hh + b_hh.

    The gates lie in the order i, f, g, o. See core/model/ops/recurrent.py.
    """

    name = "lstm"
    formula = Notation("{y}(t) = o tanh c(t), c(t) = f c(t-1) + i g", THROUGH_TIME)
    arrays = 3
    states = 2

    def loop(self, site: Site, states: np.ndarray) -> Callable[[], None]:
        """Gates, cells and tanh of the cells are kept."""
        length, rows, hidden = states.shape
        half = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], site.dtype), hidden)
        bias = None
        if len(site.x) > 3:
            bias = aligned(half.shape, site.dtype)
            site.call(np.add, site.x[3], site.x[4], bias)
            site.call(np.multiply, bias, half, bias)
        given = input_product(site, scaled(site, site.x[1], half), bias)
        weight = scaled(site, site.x[2], half)
        gates = aligned((length, rows, 4 * hidden), site.dtype)
        cells, bent = (aligned((length, rows, hidden), site.dtype) for _ in range(2))
        site.kept |= {"gates": gates, "cells": cells, "bent": bent}
        steps = [
            (given[t], gates[t], *np.split(gates[t], 4, axis=1), cells[t], bent[t], states[t])
            for t in range(length)
        ]
        part = aligned((rows, hidden), site.dtype)
        ratio, shift = (np.broadcast_to(v, gates[0].shape).copy() for v in (half, 1.0 - half))

        def run() -> None:
            before = cell_before = None
            for at, gate, i, f, g, o, cell, bend, state in steps:
                if before is None or cell_before is None:
                    np.tanh(at, gate)
                else:
                    np.matmul(before, weight, gate)
                    np.add(gate, at, gate)
                    np.tanh(gate, gate)
                np.multiply(gate, ratio, gate)
                np.add(gate, shift, gate)
                np.multiply(i, g, cell)
                if cell_before is not None:
                    np.multiply(f, cell_before, part)
                    np.add(cell, part, cell)
                np.tanh(cell, bend)
                np.multiply(o, bend, state)
                before, cell_before = state, cell

        return run

    def loop_back(self, site: Site, gy: np.ndarray) -> Back:
        """The slope of a sigmoid v is (0 + v) (1 - v), that of a tanh v is (1 + v) (1 - v)."""
        gates, cells, bent = (site.kept[name] for name in ("gates", "cells", "bent"))
        length, rows, hidden = gy.shape
        back, zero, one = turned(site, site.x[2]), site.number(0.0), site.number(1.0)
        offset = np.broadcast_to(np.repeat(np.array([0, 0, 1, 0], site.dtype), hidden), gates[0].shape).copy()
        start = aligned((rows, hidden), site.dtype)
        outer, slope = (aligned(gates[0].shape, site.dtype) for _ in range(2))
        to_i, to_f, to_g, to_o = np.split(outer, 4, axis=1)
        to_sums = aligned(gates.shape, site.dtype)
        befores = [start, *cells[:-1]]
        steps = [
            (to_sums[t], gy[t], gates[t], *np.split(gates[t], 4, axis=1), bent[t], befores[t])
            for t in range(length)
        ]
        to_state, to_cell, part = (aligned((rows, hidden), site.dtype) for _ in range(3))

        def run() -> None:
            np.copyto(to_state, zero)
            np.copyto(to_cell, zero)
            for to_sum, at, gate, i, f, g, o, bend, cell_before in reversed(steps):
                np.add(to_state, at, to_state)
                np.multiply(to_state, bend, to_o)
                np.multiply(bend, bend, part)
                np.subtract(one, part, part)
                np.multiply(part, o, part)
                np.multiply(part, to_state, part)
                np.add(to_cell, part, to_cell)
                np.multiply(to_cell, g, to_i)
                np.multiply(to_cell, cell_before, to_f)
                np.multiply(to_cell, i, to_g)
                np.multiply(to_cell, f, to_cell)
                np.add(gate, offset, slope)
                np.multiply(outer, slope, outer)
                np.subtract(one, gate, slope)
                np.multiply(outer, slope, to_sum)
                np.matmul(to_sum, back, to_state)

        return Back(to_input=to_sums, to_state=to_sums, run=run)

    def cell(self, body: OnnxGraph, node: Node, sums: Sums, before: Sequence[str]) -> list[str]:
        """c = f c' + i g, h = o tanh(c)."""
        del node
        i, f, g, o = split(body, body.emit("Add", sums.given, sums.product), 4)
        kept = body.emit("Mul", body.emit("Sigmoid", f), before[1])
        cell = body.emit("Add", kept, body.emit("Mul", body.emit("Sigmoid", i), body.emit("Tanh", g)))
        return [body.emit("Mul", body.emit("Sigmoid", o), body.emit("Tanh", cell)), cell]
