"""JAX: one jitted step, its state donated."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.core.workloads import OptimizerName, Workload

Tree = dict[str, Any]


class Jax:
    """Weights, moments and the number of the step, and the function that takes one step."""

    def __init__(self, workload: Workload, optimizer: OptimizerName) -> None:
        x, y = workload.data()
        self._x, self._y = jnp.asarray(x), jnp.asarray(y)
        self._workload = workload
        loss = _loss(workload)

        def sgd(state: Any, x: Any, y: Any, rate: Any) -> Any:
            (weights,) = state
            value, slopes = jax.value_and_grad(loss)(weights, x, y)
            return (jax.tree.map(lambda w, g: w - rate * g, weights, slopes),), value

        def adam(state: Any, x: Any, y: Any, rate: Any) -> Any:
            weights, m, v, t = state
            value, slopes = jax.value_and_grad(loss)(weights, x, y)
            t = t + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, slopes)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, slopes)
            a, b = 1 - 0.9**t, 1 - 0.999**t
            weights = jax.tree.map(
                lambda w, m, v: w - rate * (m / a) / (jnp.sqrt(v / b) + 1e-8), weights, m, v
            )
            return (weights, m, v, t), value

        self._has_moments = optimizer == "adam"
        self._step = jax.jit(adam if self._has_moments else sgd, donate_argnums=0)

    def start(self, rate: float) -> None:
        """See Contestant."""
        weights = {name: jnp.asarray(_turned(value)) for name, value in self._workload.weights().items()}
        self._rate = jnp.asarray(rate, self._x.dtype)
        self._state: Any = (weights,)
        if self._has_moments:
            self._state += (_zeros(weights), _zeros(weights), jnp.zeros((), self._x.dtype))

    def steps(self, count: int) -> None:
        """See Contestant."""
        step, state, x, y, rate = self._step, self._state, self._x, self._y, self._rate
        for _ in range(count):
            state, loss = step(state, x, y, rate)
            float(loss)
        self._state = jax.block_until_ready(state)

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Contestant."""
        return {name: _turned(np.asarray(value)) for name, value in self._state[0].items()}


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
    return _cnn_loss if workload.name == "cnn" else _mlp_loss


def _mlp_loss(weights: Tree, x: Any, y: Any) -> Any:
    layers = sorted({int(name.split(".")[0]) for name in weights})
    for layer in layers:
        x = x @ weights[f"{layer}.weight"] + weights[f"{layer}.bias"]
        x = x if layer == layers[-1] else jax.nn.relu(x)
    return _cross_entropy(x, y)


def _cnn_loss(weights: Tree, x: Any, y: Any) -> Any:
    x = x.reshape(-1, 1, 28, 28)
    for layer in (1, 4):
        x = jax.lax.conv_general_dilated(x, weights[f"{layer}.weight"], (1, 1), "SAME")
        x = jax.nn.relu(x + weights[f"{layer}.bias"][None, :, None, None])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    logits = x.reshape(len(x), -1) @ weights["8.weight"] + weights["8.bias"]
    return _cross_entropy(logits, y)


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> Jax:  # noqa: ARG001 - as all
    """In the workload's kind of number."""
    jax.config.update("jax_enable_x64", workload.is_regression)
    return Jax(workload, optimizer)
