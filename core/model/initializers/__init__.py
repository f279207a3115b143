"""Where parameters start. Each draw follows from (seed, parameter name) alone, whatever the order.

All initializers by name. Names, defaults and arithmetic are those of torch.nn.init, without the last "_".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import BeforeValidator

from lockstep.core.ground.words import Vocabulary, chosen_by_type, name_of, spelled_out
from lockstep.core.model.initializers.base import (
    Constant,
    Initializer,
    InitializerSpec,
    ParameterShape,
    Uniform,
    linear_bound,
)
from lockstep.core.model.initializers.fixed import (
    ConstantStart,
    DiracStart,
    EyeStart,
    OnesStart,
    ZerosStart,
)
from lockstep.core.model.initializers.free import NormalStart, TruncNormalStart, UniformStart
from lockstep.core.model.initializers.matrices import OrthogonalStart, SparseStart
from lockstep.core.model.initializers.scaled import (
    KaimingNormalStart,
    KaimingUniformStart,
    XavierNormalStart,
    XavierUniformStart,
)

__all__ = [
    "INITIALIZERS",
    "INITIALIZER_TAG",
    "NEEDS",
    "AnyInitializer",
    "Constant",
    "Initializer",
    "InitializerSpec",
    "Uniform",
    "chosen_for",
    "linear_bound",
]

NEEDS = {"values": "what it draws", "__doc__": "what people are told of it"}
INITIALIZERS: Vocabulary[type[InitializerSpec]] = Vocabulary(
    "initializer",
    NEEDS,
    (
        (name_of(kind), kind)
        for kind in (
            UniformStart,
            NormalStart,
            TruncNormalStart,
            ConstantStart,
            OnesStart,
            ZerosStart,
            EyeStart,
            DiracStart,
            XavierUniformStart,
            XavierNormalStart,
            KaimingUniformStart,
            KaimingNormalStart,
            OrthogonalStart,
            SparseStart,
        )
    ),
)
INITIALIZER_TAG = "<init {}>"


def _whole_by_name(kind: type[InitializerSpec]) -> bool:
    """Whether the name says all: there are no settings, and any parameter will do."""
    return set(kind.model_fields) == {"type"} and kind.axes == InitializerSpec.axes


if TYPE_CHECKING:
    AnyInitializer = InitializerSpec
else:
    _names = Literal[tuple(name for name, kind in INITIALIZERS.items() if _whole_by_name(kind))]
    AnyInitializer = Annotated[
        chosen_by_type(INITIALIZERS, INITIALIZER_TAG, error="initializer_type", expected="an initializer"),
        BeforeValidator(spelled_out, json_schema_input_type=Union[(_names, *INITIALIZERS.values())]),
    ]
    """One initializer; a bare name is short for {"type": name}. The schema offers bare what needs no more."""


def chosen_for(
    init: Mapping[str, InitializerSpec], name: str, shape: ParameterShape
) -> tuple[str, InitializerSpec] | None:
    """The key of `model.init` that speaks for a parameter, and its initializer; None where none does.

    The parameter's own name goes first. "weight" stands for all of two axes or more, "bias" for those of one
    axis with "bias" in their own name (`weight_ih_l0` is a weight, `bias_ih_l0` a bias).
    """
    own = name.rpartition(".")[2]
    wide = "weight" if len(shape) >= 2 else "bias" if "bias" in own else None
    for key in (name, wide):
        if key is not None and key in init:
            return key, init[key]
    return None
