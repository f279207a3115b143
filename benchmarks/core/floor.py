"""The least that any implementation must do: the matrix products of a step, into arrays made before.

No bias, no activation, no loss, no optimizer. The arrays lie where NumPy puts them. Both ways to store the
weights are tried; the faster one counts.
A convolution is one product over its patches, which lie there already.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.core.workloads import OptimizerName, Workload

Calls = list[Callable[[], object]]


class Floor:
    """The products of one step."""

    chunk = 1

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(self, rate: float) -> None:
        """There is nothing to start."""

    def steps(self, count: int) -> None:
        """See Contestant."""
        calls = self._calls
        for _ in range(count):
            for call in calls:
                call()

    def weights(self) -> Mapping[str, np.ndarray]:
        """None: nothing is learned."""
        return {}


def _product(a: np.ndarray, b: np.ndarray) -> Callable[[], object]:
    return partial(np.matmul, a, b, np.empty((len(a), b.shape[1]), a.dtype))


def _mlp(widths: tuple[int, ...], rows: int, *, stored_as_used: bool) -> Calls:
    """Forward, then ∂W and, but for the first layer, ∂x of each layer."""
    random = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32)

    values = [array(rows, width) for width in widths]
    gradients = [array(rows, width) for width in widths]
    calls: Calls = []
    weights = []
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        weights.append(array(inputs, outputs) if stored_as_used else array(outputs, inputs).T)
        calls.append(_product(values[layer], weights[-1]))
    for layer in reversed(range(len(weights))):
        if stored_as_used:
            calls.append(_product(values[layer].T, gradients[layer + 1]))
        else:
            calls.append(_product(gradients[layer + 1].T, values[layer]))
        if layer:
            calls.append(_product(gradients[layer + 1], weights[layer].T))
    return calls


def _cnn(rows: int) -> Calls:
    """With the rows innermost: weights (out, in·9) times patches (in·9, places·rows), and the way back."""
    random = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32)

    w1, patches1, d1 = array(8, 9), array(9, 784 * rows), array(8, 784 * rows)
    w2, patches2, d2 = array(16, 72), array(72, 196 * rows), array(16, 196 * rows)
    flat, w3, d3 = array(rows, 784), array(784, 10), array(rows, 10)
    pairs = [
        (w1, patches1),
        (w2, patches2),
        (flat, w3),
        (flat.T, d3),
        (d3, w3.T),
        (d2, patches2.T),
        (w2.T, d2),
        (d1, patches1.T),
    ]
    return [_product(a, b) for a, b in pairs]


def _seconds(calls: Calls) -> float:
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        for call in calls:
            call()
        best = min(best, time.perf_counter() - start)
    return best


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> Floor:  # noqa: ARG001 - as all
    """The faster of the two layouts."""
    if workload.name == "cnn":
        return Floor(_cnn(workload.rows))
    if workload.is_regression:
        x, w, y = np.ones((workload.rows, 1)), np.ones((1, 1)), np.ones((workload.rows, 1))
        return Floor([_product(x, w), _product(x.T, y)])
    layouts = [_mlp(workload.widths, workload.rows, stored_as_used=as_used) for as_used in (True, False)]
    return Floor(min(layouts, key=_seconds))
