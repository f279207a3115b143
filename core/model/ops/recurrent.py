"""What recurrent ops share, and the plain one. Each op is one layer in one direction.

Inputs are x (rows, length, in), weight_ih (in, gates · hidden), weight_hh (hidden, gates · hidden) and, where
there are biases, bias_ih and bias_hh (gates · hidden,); y (rows, length, hidden) are the states. Attribute
`reverse`: 1 where time runs from the last position to the first. The state before the first is 0.

The input's products for all positions are one product, and so are the gradients of the weights; the loop over
time does what is left, through views that are made once. A sigmoid is ½ + ½ tanh(½ z): numpy's tanh takes
half the time of exp, sum and quotient. The ½ inside goes into copies of the weights, which is exact.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import Op, Site


class Recurrent(Op):
    """A loop over time: `loop` gives it, `loop_back` its gradient.

    Inside, arrays have the axes (length, rows, features), in the order of time: each step's part of them then
    lies in one piece.
    """

    reads_input = False

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


class Rnn(Recurrent):
    """h = f(x W_ih + b_ih + h' W_hh + b_hh), f being tanh or relu (attribute `nonlinearity`)."""

    name = "rnn"

    def loop(self, site: Site, states: np.ndarray) -> Callable[[], None]:
        """The sum, then the nonlinearity."""
        bias = None
        if len(site.x) > 3:
            bias = aligned(site.x[3].shape, site.dtype)
            site.call(np.add, site.x[3], site.x[4], bias)
        given, weight = input_product(site, site.x[1], bias), site.x[2]
        part = aligned(states[0].shape, site.dtype)
        zeros, is_relu = np.zeros_like(part), _is_relu(site)
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
        if _is_relu(site):
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


def _is_relu(site: Site) -> bool:
    return site.node.attributes["nonlinearity"] == "relu"


OPS: tuple[Op, ...] = (Rnn(),)
