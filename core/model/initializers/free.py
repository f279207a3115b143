"""Starts from distributions that the user names in numbers, whatever the parameter's shape."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from lockstep.core.ground.fields import refuse
from lockstep.core.model.initializers.base import Bounded, Deviation, InitializerSpec, ParameterShape

MIN_MASS = 0.01
"""The part of a normal distribution that has to lie in a trunc_normal's interval."""


class UniformStart(InitializerSpec):
    """U(a, b)."""

    type: Literal["uniform"]
    a: Bounded = 0.0
    """the lower end"""
    b: Bounded = 1.0
    """the upper end, not below a"""

    @model_validator(mode="after")
    def _is_ordered(self) -> "UniformStart":
        if self.b < self.a:
            refuse(
                "out_of_range",
                f"expected a number of at least a, {self.a:g}, got {self.b:g}; swap them",
                "/b",
            )
        return self

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return random.uniform(self.a, self.b, shape)


class NormalStart(InitializerSpec):
    """N(mean, std²)."""

    type: Literal["normal"]
    mean: Bounded = 0.0
    """the mean"""
    std: Deviation = 1.0
    """the standard deviation"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return random.normal(self.mean, self.std, shape)


class TruncNormalStart(InitializerSpec):
    """N(mean, std²), of which only what lies in [a, b] is taken."""

    type: Literal["trunc_normal"]
    mean: Bounded = 0.0
    """the mean of the whole distribution"""
    std: Annotated[Deviation, Field(gt=0)] = 1.0
    """the standard deviation of the whole distribution"""
    a: Bounded = -2.0
    """the lower end"""
    b: Bounded = 2.0
    """the upper end"""

    @model_validator(mode="after")
    def _leaves_enough(self) -> "TruncNormalStart":
        ends = [math.erf((end - self.mean) / (self.std * math.sqrt(2.0))) / 2.0 for end in (self.a, self.b)]
        if ends[1] - ends[0] < MIN_MASS:
            message = f"expected a to b to hold {MIN_MASS:.0%} or more of the normal distribution"
            refuse("too_narrow", f"{message}, got {ends[1] - ends[0]:.2g} of it; move a and b to the mean")
        return self

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """What falls outside is drawn again: MIN_MASS bounds how often."""
        values = random.normal(self.mean, self.std, math.prod(shape))
        while len(outside := np.flatnonzero((values < self.a) | (values > self.b))):
            values[outside] = random.normal(self.mean, self.std, len(outside))
        return values.reshape(shape)
