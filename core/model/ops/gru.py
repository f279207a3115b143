"""The gated recurrent unit."""

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


class Gru(Recurrent):
    """h = n + z (h' - n), n = tanh(x W_in + b_in + r (h' W_hn + b_hn)), r and z sigmoids of the plain sums.

    The gates lie in the order r, z, n. See core/model/ops/recurrent.py.
    """

    name = "gru"
    formula = Notation("{y}(t) = n + z ({y}(t-1) - n)", THROUGH_TIME)
    arrays = 4

    def loop(self, site: Site, states: np.ndarray) -> Callable[[], None]:
        """r and z, n, the state's product in n, and h' - n are kept."""
        length, rows, hidden = states.shape
        half = np.repeat(np.array([0.5, 0.5, 1.0], site.dtype), hidden)
        bias, inner = self._biases(site, half)
        given = input_product(site, scaled(site, site.x[1], half), bias)
        weight = scaled(site, site.x[2], half)
        sums = aligned((length, rows, 3 * hidden), site.dtype)
        gates = aligned((length, rows, 2 * hidden), site.dtype)
        news, gaps = (aligned((length, rows, hidden), site.dtype) for _ in range(2))
        site.kept |= {"sums": sums, "gates": gates, "news": news, "gaps": gaps}
        start = aligned((rows, hidden), site.dtype)
        befores = [start, *states[:-1]]
        steps = [
            (
                *(befores[t], states[t], *_parts(sums[t]), *_parts(given[t])[1:]),
                *(gates[t], *np.split(gates[t], 2, axis=1), news[t], gaps[t]),
            )
            for t in range(length)
        ]
        a_half = site.number(0.5)

        def run() -> None:
            for before, state, total, sums_rz, sums_n, at_rz, at_n, gate, r, z, new, gap in steps:
                np.matmul(before, weight, total)
                # r and z are halves of one array, so their sigmoids cost one call each: ½ + ½ tanh(½ s).
                np.add(sums_rz, at_rz, gate)
                np.tanh(gate, gate)
                np.multiply(gate, a_half, gate)
                np.add(gate, a_half, gate)
                if inner is not None:  # r scales this bias too, as torch has it
                    np.add(sums_n, inner, sums_n)
                np.multiply(r, sums_n, new)
                np.add(new, at_n, new)
                np.tanh(new, new)
                np.subtract(before, new, gap)  # is kept: with it ∂z is one product
                np.multiply(z, gap, state)
                np.add(state, new, state)

        return run

    def _biases(self, site: Site, half: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Append the computing of what is added to the input's product; give it, and b_hn."""
        if len(site.x) < 4:
            return None, None
        outer, hidden = aligned(half.shape, site.dtype), len(half) // 3
        site.call(np.copyto, outer, site.x[3])
        site.call(np.add, outer[: 2 * hidden], site.x[4][: 2 * hidden], outer[: 2 * hidden])
        site.call(np.multiply, outer, half, outer)
        return outer, site.x[4][2 * hidden :]

    def loop_back(self, site: Site, gy: np.ndarray) -> Back:
        """∂n = ∂h (1 - z), ∂z = ∂h (h' - n), ∂r = ∂n (1 - n²) (h' W_hn + b_hn); r parts the two sums of n."""
        sums, gates, news, gaps = (site.kept[name] for name in ("sums", "gates", "news", "gaps"))
        hidden = news.shape[2]
        back, zero, one = turned(site, site.x[2]), site.number(0.0), site.number(1.0)
        outer, slope = (aligned(gates[0].shape, site.dtype) for _ in range(2))
        to_r, to_z = outer[:, :hidden], outer[:, hidden:]
        to_state, to_new, part = (aligned(news[0].shape, site.dtype) for _ in range(3))
        to_input, to_sums = (aligned(sums.shape, site.dtype) for _ in range(2))
        steps = [
            (
                *(gy[t], gates[t], *np.split(gates[t], 2, axis=1), news[t], gaps[t]),
                *(_parts(sums[t])[2], *_parts(to_input[t])[1:], *_parts(to_sums[t])),
            )
            for t in range(len(gy))
        ]

        def run() -> None:
            np.copyto(to_state, zero)
            for at, gate, r, z, new, gap, sums_n, in_rz, in_n, to_sum, to_rz, to_n in reversed(steps):
                np.add(to_state, at, to_state)
                # Through h = n + z (h' - n) to z and n, then through the tanh of n.
                np.multiply(to_state, gap, to_z)
                np.subtract(one, z, to_new)
                np.multiply(to_new, to_state, to_new)
                np.multiply(new, new, part)
                np.subtract(one, part, part)
                np.multiply(part, to_new, to_new)
                np.copyto(in_n, to_new)  # the input's sum in n has all of that, the state's r of it
                np.multiply(to_new, r, to_n)
                np.multiply(to_new, sums_n, to_r)
                np.subtract(one, gate, slope)  # of r and z together: v (1 - v), the slope of a sigmoid v
                np.multiply(slope, gate, slope)
                np.multiply(slope, outer, to_rz)
                np.copyto(in_rz, to_rz)
                np.matmul(to_sum, back, part)  # to the state before: through the products, and z of what came
                np.multiply(to_state, z, to_state)
                np.add(to_state, part, to_state)

        return Back(to_input=to_input, to_state=to_sums, run=run)

    def cell(self, body: OnnxGraph, node: Node, sums: Sums, before: Sequence[str]) -> list[str]:
        """h = n + z (h' - n), n = tanh(its input + r its product)."""
        del node
        (given_r, given_z, given_n), (r, z, n) = split(body, sums.given, 3), split(body, sums.product, 3)
        r = body.emit("Sigmoid", body.emit("Add", given_r, r))
        z = body.emit("Sigmoid", body.emit("Add", given_z, z))
        n = body.emit("Tanh", body.emit("Add", given_n, body.emit("Mul", r, n)))
        return [body.emit("Add", n, body.emit("Mul", z, body.emit("Sub", before[0], n)))]


def _parts(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """(rows, 3 · hidden) as it is, the part of r and z, and that of n."""
    hidden = sums.shape[1] // 3
    return sums, sums[:, : 2 * hidden], sums[:, 2 * hidden :]
