"""Starts in which chance has no part."""

from typing import Literal

import numpy as np

from lockstep.core.model.initializers.base import Bounded, InitializerSpec, ParameterShape


class ConstantStart(InitializerSpec):
    """Each element is `val`."""

    type: Literal["constant"]
    val: Bounded
    """the value"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """See InitializerSpec."""
        return np.full(shape, self.val)


class OnesStart(InitializerSpec):
    """Each element is 1."""

    type: Literal["ones"]

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """See InitializerSpec."""
        return np.ones(shape)


class ZerosStart(InitializerSpec):
    """Each element is 0."""

    type: Literal["zeros"]

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """See InitializerSpec."""
        return np.zeros(shape)


class EyeStart(InitializerSpec):
    """The identity matrix; for parameters of two axes."""

    axes = (2, 2)
    aliases = ("identity_init",)

    type: Literal["eye"]

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """See InitializerSpec."""
        return np.eye(shape[0], shape[1])


class DiracStart(InitializerSpec):
    """Convolutions that pass their channels on; for parameters of three to five axes."""

    axes = (3, 5)

    type: Literal["dirac"]

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """See InitializerSpec."""
        values = np.zeros(shape)
        middle = tuple(length // 2 for length in shape[2:])
        for channel in range(min(shape[:2])):
            values[(channel, channel, *middle)] = 1.0
        return values
