"""Optimizers: one step of all parameters from the whole gradient. Both are flat vectors (P,).

The arithmetic is elementwise, in blocks that stay in the cache; the blocks alter no bits. The learning rate
is applied to the gradient here and nowhere else.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np

from core.buffers import aligned
from core.ops.base import Call
from core.parameters import Parameters
from core.spec.training import Adam as AdamSpec
from core.spec.training import Sgd as SgdSpec

BLOCK = 32768
"""Elements worked on at a time."""


class Optimizer(Protocol):
    """`state` are the flat vectors (P,) to be saved and restored in place, by name."""

    state: Mapping[str, np.ndarray]

    def step(self, step: int) -> None:
        """Update the parameters from the gradient; `step` counts from 0."""


def make_optimizer(spec: SgdSpec | AdamSpec, parameters: Parameters, gradient: np.ndarray) -> Optimizer:
    """The optimizer of a spec for these parameters, reading `gradient` (P,) where it lies."""
    if isinstance(spec, AdamSpec):
        return Adam(spec, parameters.flat, gradient)
    return Sgd(spec, parameters.flat, gradient)


def blocks(size: int) -> list[slice]:
    """`size` elements in pieces of BLOCK."""
    return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]


class Sgd:
    """torch.optim.SGD: g += weight_decay p; m = momentum m + g (m = g at step 0); p -= learning_rate m.

    With nesterov, p -= learning_rate (g + momentum m).
    """

    def __init__(self, spec: SgdSpec, weights: np.ndarray, gradient: np.ndarray) -> None:
        names = ("momentum",) if spec.momentum else ()
        self.state: Mapping[str, np.ndarray] = {name: aligned(weights.size, weights.dtype) for name in names}
        self._calls: list[Call] = []
        self._spec = spec
        self._dtype = weights.dtype
        # One block's worth, used by all blocks in turn: it stays in the cache.
        work, decayed = (aligned(min(BLOCK, weights.size), weights.dtype) for _ in range(2))
        for block in blocks(weights.size):
            p, g, direction = weights[block], gradient[block], work[: block.stop - block.start]
            if spec.weight_decay:
                g = self._decay(p, g, decayed[: block.stop - block.start])
            if spec.momentum:
                g = self._accumulate(g, self.state["momentum"][block], direction)
            self._call(np.multiply, g, self._number(spec.learning_rate), direction)
            self._call(np.subtract, p, direction, p)

    def _decay(self, p: np.ndarray, g: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Append out = g + weight_decay p."""
        self._call(np.multiply, p, self._number(self._spec.weight_decay), out)
        self._call(np.add, g, out, out)
        return out

    def _accumulate(self, g: np.ndarray, m: np.ndarray, work: np.ndarray) -> np.ndarray:
        """Append the momentum; give the direction. It starts at 0, so that step 0 gives m = g."""
        momentum = self._number(self._spec.momentum)
        self._call(np.multiply, m, momentum, m)
        self._call(np.add, m, g, m)
        if not self._spec.nesterov:
            return m
        self._call(np.multiply, m, momentum, work)
        self._call(np.add, g, work, work)
        return work

    def _number(self, value: float) -> np.ndarray:
        return np.array(value, dtype=self._dtype)

    def _call(self, ufunc: np.ufunc, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        self._calls.append(partial(ufunc, a, b, out))

    def step(self, step: int) -> None:  # noqa: ARG002 - the same at each step
        """One update; it does not depend on the step's number."""
        for call in self._calls:
            call()


class Adam:
    """torch.optim.Adam: g += weight_decay p; m = β1 m + (1-β1) g; v = β2 v + (1-β2) g²;
    p -= learning_rate m̂ / (√v̂ + eps), with m̂ = m / (1-β1^t), v̂ = v / (1-β2^t), t from 1.

    The state holds M = m / (1-β1) and V = v / (1-β2), which saves two of twelve passes over the parameters;
    the factors go into two numbers per step: with r = √((1-β2) / (1-β2^t)), p -= [learning_rate (1-β1) /
    (1-β1^t) / r] M / (√V + [eps / r]).
    """

    def __init__(self, spec: AdamSpec, weights: np.ndarray, gradient: np.ndarray) -> None:
        self.state: Mapping[str, np.ndarray] = {
            name: aligned(weights.size, weights.dtype) for name in ("scaled_m", "scaled_v")
        }
        self._spec = spec
        self._rate = np.zeros((), weights.dtype)
        self._eps = np.zeros((), weights.dtype)
        self._calls: list[Call] = []
        work = aligned(min(BLOCK, weights.size), weights.dtype)
        decayed = aligned(min(BLOCK, weights.size), weights.dtype)
        for block in blocks(weights.size):
            size = block.stop - block.start
            g = gradient[block]
            if spec.weight_decay:
                decay = np.array(spec.weight_decay, dtype=weights.dtype)
                self._calls.append(partial(np.multiply, weights[block], decay, decayed[:size]))
                self._calls.append(partial(np.add, decayed[:size], g, decayed[:size]))
                g = decayed[:size]
            self._append(weights[block], g, block, work[:size])

    def _append(self, p: np.ndarray, g: np.ndarray, block: slice, work: np.ndarray) -> None:
        """The ten passes over one block."""
        m, v = self.state["scaled_m"][block], self.state["scaled_v"][block]
        beta1, beta2 = (np.array(beta, dtype=p.dtype) for beta in self._spec.betas)
        self._calls += [
            partial(np.multiply, m, beta1, m),
            partial(np.add, m, g, m),
            partial(np.multiply, g, g, work),
            partial(np.multiply, v, beta2, v),
            partial(np.add, v, work, v),
            partial(np.sqrt, v, work),
            partial(np.add, work, self._eps, work),
            partial(np.divide, m, work, work),
            partial(np.multiply, work, self._rate, work),
            partial(np.subtract, p, work, p),
        ]

    def step(self, step: int) -> None:
        """One update; `step` counts from 0."""
        beta1, beta2 = self._spec.betas
        root = math.sqrt((1.0 - beta2) / (1.0 - beta2 ** (step + 1)))
        self._rate[()] = self._spec.learning_rate * (1.0 - beta1) / (1.0 - beta1 ** (step + 1)) / root
        self._eps[()] = self._spec.eps / root
        for call in self._calls:
            call()
