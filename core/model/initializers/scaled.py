"""Starts whose spread follows from the parameter's shape, so that signals keep their size."""

import math
from typing import Literal

import numpy as np

from lockstep.core.model.initializers.base import ANY_NUMBER, Bounded, InitializerSpec, ParameterShape
from lockstep.core.model.initializers.gains import Gain, Nonlinearity, gain_of


class XavierUniformStart(InitializerSpec):
    """U(-r, r), r = gain √(6 / (fan_in + fan_out)); for parameters of two axes or more."""

    axes = (2, ANY_NUMBER)
    aliases = ("glorot_uniform",)

    type: Literal["xavier_uniform"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return _uniform(_xavier_std(self.gain, shape), shape, random)


class XavierNormalStart(InitializerSpec):
    """N(0, s²), s = gain √(2 / (fan_in + fan_out)); for parameters of two axes or more."""

    axes = (2, ANY_NUMBER)
    aliases = ("glorot_normal",)

    type: Literal["xavier_normal"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return random.normal(0.0, _xavier_std(self.gain, shape), shape)


class KaimingUniformStart(InitializerSpec):
    """U(-r, r), r = gain √(3 / fan); for parameters of two axes or more."""

    axes = (2, ANY_NUMBER)
    aliases = ("he_uniform",)

    type: Literal["kaiming_uniform"]
    a: Bounded = 0.0
    """the slope below zero of the leaky_relu that follows"""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """which fan: of how many numbers one output is made, or how many outputs one input reaches"""
    nonlinearity: Nonlinearity = "leaky_relu"
    """what follows; it decides the gain"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return _uniform(_kaiming_std(self, shape), shape, random)


class KaimingNormalStart(InitializerSpec):
    """N(0, s²), s = gain / √fan; for parameters of two axes or more."""

    axes = (2, ANY_NUMBER)
    aliases = ("he_normal",)

    type: Literal["kaiming_normal"]
    a: Bounded = 0.0
    """the slope below zero of the leaky_relu that follows"""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """which fan: of how many numbers one output is made, or how many outputs one input reaches"""
    nonlinearity: Nonlinearity = "leaky_relu"
    """what follows; it decides the gain"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        return random.normal(0.0, _kaiming_std(self, shape), shape)


def fans(shape: ParameterShape) -> tuple[int, int]:
    """Of how many numbers one output is made, and how many outputs one input reaches (fan_in, fan_out)."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _xavier_std(gain: float | str, shape: ParameterShape) -> float:
    return gain_of(gain) * math.sqrt(2.0 / sum(fans(shape)))


def _kaiming_std(spec: KaimingUniformStart | KaimingNormalStart, shape: ParameterShape) -> float:
    fan = fans(shape)[spec.mode == "fan_out"]
    return gain_of(spec.nonlinearity, spec.a) / math.sqrt(fan)


def _uniform(std: float, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
    bound = math.sqrt(3.0) * std
    return random.uniform(-bound, bound, shape)
