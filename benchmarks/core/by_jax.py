"""JAX: one jitted step its state donated, or, as its users do for speed, a scan over many of them."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.core.workloads import OptimizerName, Workload

Tree = dict[str, Any]


class _Jax:
    """Weights, moments and the number of the step, and the function of one step on given rows."""

    def __init__(self, workload: Workload, optimizer: OptimizerName) -> None:
        x, y = workload.data()
        self._x, self._y = jnp.asarray(x), jnp.asarray(y)
        order = workload.order()
        self._order = None if order is None else jnp.asarray(order)
        self._workload = workload
        self._has_moments = optimizer == "adam"
        self._update = (_adam if self._has_moments else _sgd)(_loss(workload))

    def start(self, rate: float) -> None:
        """See Contestant."""
        weights = {name: jnp.asarray(_turned(value)) for name, value in self._workload.weights().items()}
        self._rate = jnp.asarray(rate, self._x.dtype)
        self._done = 0
        self._state: Any = (weights,)
        if self._has_moments:
            self._state += (_zeros(weights), _zeros(weights), jnp.zeros((), self._x.dtype))

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Contestant."""
        return {name: _turned(np.asarray(value)) for name, value in self._state[0].items()}


class StepByStep(_Jax):
    """One call of a jitted function for each step."""

    chunk = 1

    def __init__(self, workload: Workload, optimizer: OptimizerName) -> None:
        super().__init__(workload, optimizer)

        def step(state: Any, x: Any, y: Any, rate: Any, rows: Any) -> Any:
            return self._update(state, *_picked(x, y, rows), rate)

        self._step = jax.jit(step, donate_argnums=0)

    def steps(self, count: int) -> None:
        """See Contestant."""
        step, state, x, y, rate = self._step, self._state, self._x, self._y, self._rate
        batches = None if self._order is None else list(self._order)
        for _ in range(count):
            rows = None if batches is None else batches[self._done % len(batches)]
            state, loss = step(state, x, y, rate, rows)
            float(loss)
            self._done += 1
        self._state = jax.block_until_ready(state)


class Scan(_Jax):
    """lax.scan over `chunk` steps in one call, which gives their losses; a shorter one for what is left."""

    def __init__(self, workload: Workload, optimizer: OptimizerName) -> None:
        super().__init__(workload, optimizer)
        self.chunk = workload.chunk
        self._compiled = cache(self._compile)

    def _compile(self, length: int) -> Callable[..., Any]:
        """The function of so many steps."""

        def steps(state: Any, x: Any, y: Any, rate: Any, rows: Any) -> Any:
            def step(state: Any, rows: Any) -> Any:
                return self._update(state, *_picked(x, y, rows), rate)

            return jax.lax.scan(step, state, rows, length=length)

        compiled: Callable[..., Any] = jax.jit(steps, donate_argnums=0)
        return compiled

    def steps(self, count: int) -> None:
        """See Contestant."""
        end = self._done + count
        while self._done < end:
            first = 0 if self._order is None else self._done % len(self._order)
            length = min(self.chunk, end - self._done)
            rows = None if self._order is None else self._order[first : first + length]
            run = self._compiled(length if rows is None else len(rows))
            self._state, losses = run(self._state, self._x, self._y, self._rate, rows)
            self._done += len(np.asarray(losses))
        self._state = jax.block_until_ready(self._state)


def _picked(x: Any, y: Any, rows: Any) -> tuple[Any, Any]:
    """The rows of a batch; all of them where none are named."""
    return (x, y) if rows is None else (x[rows], y[rows])


def _sgd(loss: Any) -> Any:
    def update(state: Any, x: Any, y: Any, rate: Any) -> Any:
        (weights,) = state
        value, slopes = jax.value_and_grad(loss)(weights, x, y)
        return (jax.tree.map(lambda w, g: w - rate * g, weights, slopes),), value

    return update


def _adam(loss: Any) -> Any:
    def update(state: Any, x: Any, y: Any, rate: Any) -> Any:
        weights, m, v, t = state
        value, slopes = jax.value_and_grad(loss)(weights, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, slopes)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, slopes)
        a, b = 1 - 0.9**t, 1 - 0.999**t
        weights = jax.tree.map(lambda w, m, v: w - rate * (m / a) / (jnp.sqrt(v / b) + 1e-8), weights, m, v)
        return (weights, m, v, t), value

    return update


def _turned(value: np.ndarray) -> np.ndarray:
    """Matrices are kept (in, out) here, as JAX's users have them."""
    return value.T if value.ndim == 2 else value


def _zeros(weights: Tree) -> Tree:
    return {name: jnp.zeros_like(value) for name, value in weights.items()}


def _cross_entropy(logits: Any, y: Any) -> Any:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))


def _loss(workload: Workload) -> Any:
    if workload.is_regression:
        return lambda w, x, y: jnp.mean((x * w["a"] + w["b"] - y) ** 2)
    return _cnn_loss if workload.name == "cnn" else partial(_mlp_loss, layers=len(workload.widths) - 1)


def _mlp_loss(weights: Tree, x: Any, y: Any, layers: int) -> Any:
    for layer in range(0, 2 * layers, 2):
        x = x @ weights[f"{layer}.weight"] + weights[f"{layer}.bias"]
        x = x if layer == 2 * layers - 2 else jax.nn.relu(x)
    return _cross_entropy(x, y)


def _cnn_loss(weights: Tree, x: Any, y: Any) -> Any:
    x = x.reshape(-1, 1, 28, 28)
    for layer in (1, 4):
        x = jax.lax.conv_general_dilated(x, weights[f"{layer}.weight"], (1, 1), "SAME")
        x = jax.nn.relu(x + weights[f"{layer}.bias"][None, :, None, None])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    logits = x.reshape(len(x), -1) @ weights["8.weight"] + weights["8.bias"]
    return _cross_entropy(logits, y)


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> StepByStep | Scan:
    """In the workload's kind of number; the variant is a name that may end in "-scan"."""
    jax.config.update("jax_enable_x64", workload.is_regression)
    return (Scan if variant.endswith("-scan") else StepByStep)(workload, optimizer)
