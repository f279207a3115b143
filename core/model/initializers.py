"""Where parameters start. Each draw follows from (seed, parameter name) alone, whatever the order."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from lockstep.core.ground.random import generator
from lockstep.core.model.initializer_spec import (
    AnyStart,
    KaimingNormalStart,
    KaimingUniformStart,
    OrthogonalStart,
    SparseStart,
    TruncNormalStart,
)

GAINS: Mapping[str, float] = MappingProxyType(
    {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}
)
LEAKY_SLOPE = 0.01

Shape = tuple[int, ...]


class Initializer(Protocol):
    """Where one parameter starts."""

    def draw(self, shape: Shape, seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`, as in the state_dict."""


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """U(-bound, bound), drawn in float64 so that jobs of both dtypes start alike."""

    bound: float

    def draw(self, shape: Shape, seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`."""
        return generator(seed, "parameter", name).uniform(-self.bound, self.bound, shape)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Each element starts at `value`."""

    value: float

    def draw(self, shape: Shape, seed: int, name: str) -> np.ndarray:  # noqa: ARG002 - same call for all
        """The start of a parameter: float64 of `shape`; seed and name alter nothing."""
        return np.full(shape, self.value, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a spec's `model.init` says."""

    spec: AnyStart

    def draw(self, shape: Shape, seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`, which `misfit` has nothing against."""
        random = generator(seed, "parameter", name)
        return np.asarray(_DRAWS[self.spec.type](self.spec, shape, random), dtype=np.float64)

    def misfit(self, shape: Shape) -> str | None:
        """What `shape` should have for this initializer; None where it fits."""
        least, most = _AXES.get(self.spec.type, (0, 99))
        if least <= len(shape) <= most:
            return None
        return f"{least} axes" if least == most else f"{least} axes or more" if most == 99 else "3 to 5 axes"


def linear_bound(fan_in: int) -> float:
    """torch.nn.Linear's default for weight and bias: U(-1/sqrt(in), 1/sqrt(in))."""
    return 1.0 / float(np.sqrt(fan_in))


def chosen_for(init: Mapping[str, AnyStart], name: str, shape: Shape) -> tuple[str, Chosen] | None:
    """The key of `model.init` that speaks for a parameter, and its initializer; None where none does.

    The parameter's own name goes first. "weight" stands for all of two axes or more, "bias" for those of one
    axis with "bias" in their own name (`weight_ih_l0` is a weight, `bias_ih_l0` a bias).
    """
    own = name.rpartition(".")[2]
    wide = "weight" if len(shape) >= 2 else "bias" if "bias" in own else None
    for key in (name, wide):
        if key is not None and key in init:
            return key, Chosen(spec=init[key])
    return None


def fans(shape: Shape) -> tuple[int, int]:
    """Of how many numbers one output is made, and how many outputs one input reaches (fan_in, fan_out)."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def gain_of(gain: float | str, slope: float = LEAKY_SLOPE) -> float:
    """torch.nn.init.calculate_gain of a nonlinearity; a number is one itself."""
    if not isinstance(gain, str):
        return gain
    return math.sqrt(2.0 / (1.0 + slope**2)) if gain == "leaky_relu" else GAINS[gain]


def _kaiming_std(spec: KaimingUniformStart | KaimingNormalStart, shape: Shape) -> float:
    fan = fans(shape)[spec.mode == "fan_out"]
    return gain_of(spec.nonlinearity, spec.a) / math.sqrt(fan)


def _xavier_std(spec: Any, shape: Shape) -> float:
    return gain_of(spec.gain) * math.sqrt(2.0 / sum(fans(shape)))


def _kaiming_uniform(spec: KaimingUniformStart, shape: Shape, random: np.random.Generator) -> np.ndarray:
    bound = math.sqrt(3.0) * _kaiming_std(spec, shape)
    return random.uniform(-bound, bound, shape)


def _xavier_uniform(spec: Any, shape: Shape, random: np.random.Generator) -> np.ndarray:
    bound = math.sqrt(3.0) * _xavier_std(spec, shape)
    return random.uniform(-bound, bound, shape)


def _trunc_normal(spec: TruncNormalStart, shape: Shape, random: np.random.Generator) -> np.ndarray:
    """What falls outside is drawn again: the spec leaves a hundredth or more inside."""
    values = random.normal(spec.mean, spec.std, math.prod(shape))
    while len(outside := np.flatnonzero((values < spec.a) | (values > spec.b))):
        values[outside] = random.normal(spec.mean, spec.std, len(outside))
    return values.reshape(shape)


def _dirac(_: object, shape: Shape, __: object) -> np.ndarray:
    values = np.zeros(shape)
    middle = tuple(length // 2 for length in shape[2:])
    for channel in range(min(shape[:2])):
        values[(channel, channel, *middle)] = 1.0
    return values


def _orthogonal(spec: OrthogonalStart, shape: Shape, random: np.random.Generator) -> np.ndarray:
    """Q of a normal matrix, its signs such that R's diagonal is positive: all rotations are as likely."""
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return gain_of(spec.gain) * matrix.reshape(shape)


def _sparse(spec: SparseStart, shape: Shape, random: np.random.Generator) -> np.ndarray:
    values = random.normal(0.0, spec.std, shape)
    ranks = random.random(shape).argsort(axis=0).argsort(axis=0)
    values[ranks < math.ceil(spec.sparsity * shape[0])] = 0.0
    return values


_AXES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "eye": (2, 2),
        "sparse": (2, 2),
        "dirac": (3, 5),
        "orthogonal": (2, 99),
        "xavier_uniform": (2, 99),
        "xavier_normal": (2, 99),
        "kaiming_uniform": (2, 99),
        "kaiming_normal": (2, 99),
    }
)
"""The least and the most axes that an initializer takes."""

_DRAWS: Mapping[str, Callable[[Any, Shape, np.random.Generator], np.ndarray]] = MappingProxyType(
    {
        "uniform": lambda spec, shape, random: random.uniform(spec.a, spec.b, shape),
        "normal": lambda spec, shape, random: random.normal(spec.mean, spec.std, shape),
        "trunc_normal": _trunc_normal,
        "constant": lambda spec, shape, _: np.full(shape, spec.val),
        "ones": lambda _, shape, __: np.ones(shape),
        "zeros": lambda _, shape, __: np.zeros(shape),
        "eye": lambda _, shape, __: np.eye(shape[0], shape[1]),
        "dirac": _dirac,
        "xavier_uniform": _xavier_uniform,
        "xavier_normal": lambda spec, shape, random: random.normal(0.0, _xavier_std(spec, shape), shape),
        "kaiming_uniform": _kaiming_uniform,
        "kaiming_normal": lambda spec, shape, random: random.normal(0.0, _kaiming_std(spec, shape), shape),
        "orthogonal": _orthogonal,
        "sparse": _sparse,
    }
)
