"""Models of a spec: layers in a row, or a formula. Names, defaults and arithmetic are those of torch.nn."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, RootModel, StringConstraints, Tag

from core.spec.base import Real, SpecModel, Switch, Whole, few_entries, refuse
from core.spec.numbers import Weights

MAX_WIDTH = 1_000_000
MAX_LAYERS = 1_000
MAX_NESTING = 8
MAX_EXPRESSION = 1_000
MAX_EXPRESSION_PARAMETERS = 200


class Linear(SpecModel):
    """y = x Wᵀ + b, as torch.nn.Linear; `weight` has the shape (out, in), `bias` (out,)."""

    type: Literal["linear"]
    inputs: Annotated[int, Whole(ge=1, le=MAX_WIDTH), Field(alias="in")]
    """how many numbers come in for each row"""
    outputs: Annotated[int, Whole(ge=1, le=MAX_WIDTH), Field(alias="out")]
    """how many numbers go out for each row"""
    bias: Switch = True
    """whether a learned number is added to each output"""


class Relu(SpecModel):
    """max(0, x)."""

    type: Literal["relu"]


class LeakyRelu(SpecModel):
    """x where x > 0, else negative_slope * x."""

    type: Literal["leaky_relu"]
    negative_slope: Real = 0.01
    """the slope below zero"""


class Elu(SpecModel):
    """x where x > 0, else alpha * (exp(x) - 1)."""

    type: Literal["elu"]
    alpha: Real = 1.0
    """minus the value far below zero"""


class Silu(SpecModel):
    """x * sigmoid(x)."""

    type: Literal["silu"]


class Sigmoid(SpecModel):
    """1 / (1 + exp(-x))."""

    type: Literal["sigmoid"]


class Tanh(SpecModel):
    """tanh(x)."""

    type: Literal["tanh"]


class Softplus(SpecModel):
    """ln(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    type: Literal["softplus"]
    beta: Annotated[Real, Field(gt=0)] = 1.0
    """how sharp the bend at zero is"""
    threshold: Real = 20.0
    """above this value of beta * x the result is x"""


class Identity(SpecModel):
    """x."""

    type: Literal["identity"]


SingleLayer = Linear | Relu | LeakyRelu | Elu | Silu | Sigmoid | Tanh | Softplus | Identity
LAYER_TYPES: dict[str, type[SingleLayer]] = {
    "linear": Linear,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "silu": Silu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
    "identity": Identity,
}


def _kind_of_layer(value: object) -> str | None:
    """The tag of the union's branch. In angle brackets: so no key of a user's can be mistaken for one."""
    if isinstance(value, (list, tuple, LayerGroup)):
        return "<list>"
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{name}>" if isinstance(name, str) and name in LAYER_TYPES else None


class LayerGroup(RootModel[Annotated[tuple["Layer", ...], Field(min_length=1, max_length=MAX_LAYERS)]]):
    """Layers in a list of their own: a Sequential inside the Sequential."""

    model_config = ConfigDict(frozen=True)


Layer = Annotated[
    Annotated[Linear, Tag("<linear>")]
    | Annotated[Relu, Tag("<relu>")]
    | Annotated[LeakyRelu, Tag("<leaky_relu>")]
    | Annotated[Elu, Tag("<elu>")]
    | Annotated[Silu, Tag("<silu>")]
    | Annotated[Sigmoid, Tag("<sigmoid>")]
    | Annotated[Tanh, Tag("<tanh>")]
    | Annotated[Softplus, Tag("<softplus>")]
    | Annotated[Identity, Tag("<identity>")]
    | Annotated[LayerGroup, Tag("<list>")],
    Discriminator(_kind_of_layer, custom_error_type="layer_type", custom_error_message="expected a layer"),
]
"""One layer, or a list of them: a Sequential inside the Sequential."""


def _limited(value: object) -> object:
    """Refuse lists nested too deeply, or too many layers, before anything walks down there."""
    level: Sequence[object] = value if isinstance(value, (list, tuple)) else ()
    count = 0
    for _ in range(MAX_NESTING):
        count += sum(not isinstance(item, (list, tuple)) for item in level)
        level = [item for inner in level if isinstance(inner, (list, tuple)) for item in inner]
        if not level:
            break
    else:
        refuse(
            "too_nested", f"expected layers nested at most {MAX_NESTING} deep, got deeper lists; flatten them"
        )
    if count > MAX_LAYERS:
        message = f"expected at most {MAX_LAYERS} layers in all, got {count}; take some out"
        refuse("too_many_layers", message)
    return value


class LayersModel(SpecModel):
    """Layers applied one after another, named as in a torch.nn.Sequential: "0", "1", nested ones "1.0"."""

    layers: Annotated[
        tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS), BeforeValidator(_limited)
    ]
    """the layers in their order; a list among them is a Sequential of its own"""
    initial_weights: (
        Annotated[dict[str, Weights], Field(max_length=2 * MAX_LAYERS), few_entries(2 * MAX_LAYERS)] | None
    ) = None
    """where named parameters start, as nested lists by name ("0.weight"); the others are drawn"""


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


def walk_layers(model: LayersModel) -> Iterator[tuple[str, str, SingleLayer]]:
    """The layers in the order in which they are applied: (JSON pointer from the spec's root, name, layer).

    The name is the state_dict prefix: "0", in a nested list "1.0".
    """
    yield from _walk(model.layers, "/model/layers", "")


def _walk(layers: Sequence["Layer"], pointer: str, prefix: str) -> Iterator[tuple[str, str, SingleLayer]]:
    for index, layer in enumerate(layers):
        if isinstance(layer, SingleLayer):
            yield f"{pointer}/{index}", f"{prefix}{index}", layer
        else:
            yield from _walk(layer.root, f"{pointer}/{index}", f"{prefix}{index}.")
