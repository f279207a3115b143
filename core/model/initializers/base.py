"""What initializers are: a choice of the user's, with its settings, or the default of a layer."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

import numpy as np
from pydantic import Field

from lockstep.core.ground.fields import Real, SpecModel
from lockstep.core.ground.random import generator

ParameterShape = tuple[int, ...]
Deviation = Annotated[Real, Field(ge=0, le=1e6)]
Bounded = Annotated[Real, Field(ge=-1e6, le=1e6)]

ANY_NUMBER = 99
"""More axes than a parameter has."""


class Initializer(Protocol):
    """Where one parameter starts."""

    def draw(self, shape: ParameterShape, seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`, as in the state_dict."""


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """U(-bound, bound), drawn in float64 so that jobs of both dtypes start alike."""

    bound: float

    def draw(self, shape: ParameterShape, seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`."""
        return generator(seed, "parameter", name).uniform(-self.bound, self.bound, shape)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Each element starts at `value`."""

    value: float

    def draw(self, shape: ParameterShape, seed: int, name: str) -> np.ndarray:  # noqa: ARG002 - same call for all
        """The start of a parameter: float64 of `shape`; seed and name alter nothing."""
        return np.full(shape, self.value, dtype=np.float64)


class InitializerSpec(SpecModel):
    """An initializer that a user chooses.

    `axes`: the least and the most axes that it takes. `aliases`: what other systems call it.
    """

    axes: ClassVar[tuple[int, int]] = (0, ANY_NUMBER)
    aliases: ClassVar[tuple[str, ...]] = ()

    type: str

    @abstractmethod
    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """The start of a parameter of `shape`, which `misfit` has nothing against."""

    def draw(self, shape: ParameterShape, seed: int, name: str) -> np.ndarray:
        """See Initializer."""
        return np.asarray(self.values(shape, generator(seed, "parameter", name)), dtype=np.float64)

    def misfit(self, shape: ParameterShape) -> str | None:
        """What `shape` should have for this initializer; None where it fits."""
        least, most = self.axes
        if least <= len(shape) <= most:
            return None
        if least == most:
            return f"{least} axes"
        return f"{least} axes or more" if most == ANY_NUMBER else f"{least} to {most} axes"


def linear_bound(fan_in: int) -> float:
    """torch.nn.Linear's default for weight and bias: U(-1/sqrt(in), 1/sqrt(in))."""
    return 1.0 / float(np.sqrt(fan_in))
