"""By how much a start is widened for the nonlinearity that follows."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from lockstep.core.model.initializers.base import Deviation

GAINS: Mapping[str, float] = MappingProxyType(
    {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}
)
LEAKY_SLOPE = 0.01

Nonlinearity = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


def _kind_of_gain(value: object) -> str:
    return "<gain name>" if isinstance(value, str) else "<gain>"


Gain = Annotated[
    Annotated[Deviation, Tag("<gain>")] | Annotated[Nonlinearity, Tag("<gain name>")],
    Discriminator(_kind_of_gain),
]
"""A number, or the nonlinearity whose torch.nn.init.calculate_gain it is."""


def gain_of(gain: float | str, slope: float = LEAKY_SLOPE) -> float:
    """torch.nn.init.calculate_gain of a nonlinearity; a number is one itself."""
    if not isinstance(gain, str):
        return gain
    return math.sqrt(2.0 / (1.0 + slope**2)) if gain == "leaky_relu" else GAINS[gain]
