"""Where parameters start. Names, defaults and arithmetic are those of torch.nn.init, without the last "_"."""

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from lockstep.core.ground.fields import Real, SpecModel, refuse

Spread = Annotated[Real, Field(ge=0, le=1e6)]
Place = Annotated[Real, Field(ge=-1e6, le=1e6)]
Nonlinearity = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
LEAST_MASS = 0.01
"""The part of a normal distribution that has to lie in a trunc_normal's interval."""


def _kind_of_gain(value: object) -> str:
    return "<gain name>" if isinstance(value, str) else "<gain>"


Gain = Annotated[
    Annotated[Spread, Tag("<gain>")] | Annotated[Nonlinearity, Tag("<gain name>")],
    Discriminator(_kind_of_gain),
]
"""A number, or the nonlinearity whose torch.nn.init.calculate_gain it is."""


class UniformStart(SpecModel):
    """U(a, b)."""

    type: Literal["uniform"]
    a: Place = 0.0
    """the lower end"""
    b: Place = 1.0
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


class NormalStart(SpecModel):
    """N(mean, std²)."""

    type: Literal["normal"]
    mean: Place = 0.0
    """the mean"""
    std: Spread = 1.0
    """the standard deviation"""


class TruncNormalStart(SpecModel):
    """N(mean, std²), of which only what lies in [a, b] is taken."""

    type: Literal["trunc_normal"]
    mean: Place = 0.0
    """the mean of the whole distribution"""
    std: Annotated[Spread, Field(gt=0)] = 1.0
    """the standard deviation of the whole distribution"""
    a: Place = -2.0
    """the lower end"""
    b: Place = 2.0
    """the upper end"""

    @model_validator(mode="after")
    def _leaves_enough(self) -> "TruncNormalStart":
        ends = [math.erf((end - self.mean) / (self.std * math.sqrt(2.0))) / 2.0 for end in (self.a, self.b)]
        if ends[1] - ends[0] < LEAST_MASS:
            message = f"expected a to b to hold {LEAST_MASS:.0%} or more of the normal distribution"
            refuse("too_narrow", f"{message}, got {ends[1] - ends[0]:.2g} of it; move a and b to the mean")
        return self


class ConstantStart(SpecModel):
    """Each element is `val`."""

    type: Literal["constant"]
    val: Place
    """the value"""


class OnesStart(SpecModel):
    """Each element is 1."""

    type: Literal["ones"]


class ZerosStart(SpecModel):
    """Each element is 0."""

    type: Literal["zeros"]


class EyeStart(SpecModel):
    """The identity matrix; for parameters of two axes."""

    type: Literal["eye"]


class DiracStart(SpecModel):
    """Convolutions that pass their channels on; for parameters of three to five axes."""

    type: Literal["dirac"]


class XavierUniformStart(SpecModel):
    """U(-r, r), r = gain √(6 / (fan_in + fan_out)); for parameters of two axes or more."""

    type: Literal["xavier_uniform"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""


class XavierNormalStart(SpecModel):
    """N(0, s²), s = gain √(2 / (fan_in + fan_out)); for parameters of two axes or more."""

    type: Literal["xavier_normal"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""


class KaimingUniformStart(SpecModel):
    """U(-r, r), r = gain √(3 / fan); for parameters of two axes or more."""

    type: Literal["kaiming_uniform"]
    a: Place = 0.0
    """the slope below zero of the leaky_relu that follows"""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """which fan: of how many numbers one output is made, or how many outputs one input reaches"""
    nonlinearity: Nonlinearity = "leaky_relu"
    """what follows; it decides the gain"""


class KaimingNormalStart(SpecModel):
    """N(0, s²), s = gain / √fan; for parameters of two axes or more."""

    type: Literal["kaiming_normal"]
    a: Place = 0.0
    """the slope below zero of the leaky_relu that follows"""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """which fan: of how many numbers one output is made, or how many outputs one input reaches"""
    nonlinearity: Nonlinearity = "leaky_relu"
    """what follows; it decides the gain"""


class OrthogonalStart(SpecModel):
    """Orthonormal rows or columns times gain; further axes count to the columns. For two axes or more."""

    type: Literal["orthogonal"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""


class SparseStart(SpecModel):
    """N(0, std²), but in each column a part of the elements is 0; for parameters of two axes."""

    type: Literal["sparse"]
    sparsity: Annotated[Real, Field(ge=0, le=1)]
    """the part of each column that is 0, rounded up"""
    std: Spread = 0.01
    """the standard deviation of the others"""


AnyStart = (
    UniformStart
    | NormalStart
    | TruncNormalStart
    | ConstantStart
    | OnesStart
    | ZerosStart
    | EyeStart
    | DiracStart
    | XavierUniformStart
    | XavierNormalStart
    | KaimingUniformStart
    | KaimingNormalStart
    | OrthogonalStart
    | SparseStart
)
INITIALIZER_TYPES: dict[str, type[AnyStart]] = {
    "uniform": UniformStart,
    "normal": NormalStart,
    "trunc_normal": TruncNormalStart,
    "constant": ConstantStart,
    "ones": OnesStart,
    "zeros": ZerosStart,
    "eye": EyeStart,
    "dirac": DiracStart,
    "xavier_uniform": XavierUniformStart,
    "xavier_normal": XavierNormalStart,
    "kaiming_uniform": KaimingUniformStart,
    "kaiming_normal": KaimingNormalStart,
    "orthogonal": OrthogonalStart,
    "sparse": SparseStart,
}


def _spelled_out(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _kind_of_start(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<init {name}>" if isinstance(name, str) and name in INITIALIZER_TYPES else None


Start = Annotated[
    Annotated[UniformStart, Tag("<init uniform>")]
    | Annotated[NormalStart, Tag("<init normal>")]
    | Annotated[TruncNormalStart, Tag("<init trunc_normal>")]
    | Annotated[ConstantStart, Tag("<init constant>")]
    | Annotated[OnesStart, Tag("<init ones>")]
    | Annotated[ZerosStart, Tag("<init zeros>")]
    | Annotated[EyeStart, Tag("<init eye>")]
    | Annotated[DiracStart, Tag("<init dirac>")]
    | Annotated[XavierUniformStart, Tag("<init xavier_uniform>")]
    | Annotated[XavierNormalStart, Tag("<init xavier_normal>")]
    | Annotated[KaimingUniformStart, Tag("<init kaiming_uniform>")]
    | Annotated[KaimingNormalStart, Tag("<init kaiming_normal>")]
    | Annotated[OrthogonalStart, Tag("<init orthogonal>")]
    | Annotated[SparseStart, Tag("<init sparse>")],
    Discriminator(
        _kind_of_start,
        custom_error_type="initializer_type",
        custom_error_message="expected an initializer",
    ),
    BeforeValidator(_spelled_out, json_schema_input_type=Literal["ones", "zeros"] | AnyStart),
]
"""One initializer; a bare name is short for {"type": name}."""
