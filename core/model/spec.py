"""The models of a spec: layers in a row, or a formula."""

from typing import Annotated

from pydantic import Discriminator, Field, StringConstraints, Tag

from lockstep.core.ground.fields import Real, SpecModel, few_entries
from lockstep.core.ground.numbers import Weights
from lockstep.core.model.initializers import AnyInitializer
from lockstep.core.model.layers import LimitedLayers
from lockstep.core.model.layers.composite import MAX_LAYERS

MAX_EXPRESSION = 1_000
MAX_EXPRESSION_PARAMETERS = 200


class LayersModel(SpecModel):
    """Layers applied one after another, named as in a torch.nn.Sequential: "0", "1", nested ones "1.0"."""

    layers: LimitedLayers
    """the layers in their order; a list among them is a Sequential of its own"""
    initial_weights: (
        Annotated[dict[str, Weights], Field(max_length=2 * MAX_LAYERS), few_entries(2 * MAX_LAYERS)] | None
    ) = None
    """where named parameters start, as nested lists by name ("0.weight"); the others are drawn"""
    init: (
        Annotated[dict[str, AnyInitializer], Field(max_length=2 * MAX_LAYERS), few_entries(2 * MAX_LAYERS)]
        | None
    ) = None
    """how parameters are drawn: under "weight" those with two axes or more, under "bias" all biases, under a
    name such as "0.weight" this one; as torch.nn's layers do it if not given"""


NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
ParameterName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
"""A name that can stand in an expression."""


class ExpressionModel(SpecModel):
    """A formula of the data's columns and of numbers to be learned."""

    expression: Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION)]
    """the model's output, such as "a*x + b"; names that are neither parameters nor functions are inputs"""
    parameters: Annotated[
        dict[ParameterName, Real],
        Field(min_length=1, max_length=MAX_EXPRESSION_PARAMETERS),
        few_entries(MAX_EXPRESSION_PARAMETERS),
    ]
    """the numbers to be learned: name and start of each"""


def _kind_of_model(value: object) -> str | None:
    if isinstance(value, LayersModel) or (isinstance(value, dict) and "layers" in value):
        return "<layers>"
    if isinstance(value, ExpressionModel) or (isinstance(value, dict) and "expression" in value):
        return "<expression>"
    return None


Model = Annotated[
    Annotated[LayersModel, Tag("<layers>")] | Annotated[ExpressionModel, Tag("<expression>")],
    Discriminator(_kind_of_model, custom_error_type="model_kind", custom_error_message="expected a model"),
]
