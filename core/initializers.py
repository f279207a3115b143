"""Where parameters start. Each draw follows from (seed, parameter name) alone, whatever the order."""

from dataclasses import dataclass

import numpy as np

from core.random import generator


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """U(-bound, bound), drawn in float64 so that jobs of both dtypes start alike."""

    bound: float

    def draw(self, shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`."""
        return generator(seed, "parameter", name).uniform(-self.bound, self.bound, shape)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Each element starts at `value`."""

    value: float

    def draw(self, shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:  # noqa: ARG002 - same call for all
        """The start of a parameter: float64 of `shape`; seed and name alter nothing."""
        return np.full(shape, self.value, dtype=np.float64)


Initializer = Uniform | Constant


def linear_bound(fan_in: int) -> float:
    """torch.nn.Linear's default for weight and bias: U(-1/sqrt(in), 1/sqrt(in))."""
    return 1.0 / float(np.sqrt(fan_in))
