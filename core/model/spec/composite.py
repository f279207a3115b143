"""Layers made of layers, the union of all layers, and the walk over them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, RootModel, Tag

from lockstep.core.ground.fields import SpecModel, refuse
from lockstep.core.model.spec import activations, convolution, dense, normalization, sequence

MAX_LAYERS = 1_000
MAX_NESTING = 8
MAX_BRANCHES = 32

SingleLayer = (
    dense.Linear
    | dense.Identity
    | dense.Flatten
    | dense.Unflatten
    | dense.Dropout
    | activations.Relu
    | activations.LeakyRelu
    | activations.Elu
    | activations.Gelu
    | activations.Silu
    | activations.Sigmoid
    | activations.Tanh
    | activations.Softplus
    | activations.Hardtanh
    | activations.Relu6
    | activations.Hardsigmoid
    | activations.Hardswish
    | activations.Softmax
    | activations.LogSoftmax
    | convolution.Conv1d
    | convolution.Conv2d
    | convolution.MaxPool1d
    | convolution.MaxPool2d
    | convolution.AvgPool1d
    | convolution.AvgPool2d
    | convolution.AdaptiveAvgPool1d
    | convolution.AdaptiveAvgPool2d
    | normalization.BatchNorm1d
    | normalization.BatchNorm2d
    | normalization.LayerNorm
    | sequence.Embedding
    | sequence.Rnn
    | sequence.Lstm
    | sequence.Gru
    | sequence.MultiheadAttention
    | sequence.TransformerEncoderLayer
)
"""A layer that holds no others."""

LAYER_TYPES: dict[str, type[SpecModel]]
"""All layers that are told apart by "type"; filled below, where the last of them is known."""


def _kind_of_layer(value: object) -> str | None:
    """The tag of the union's branch. In angle brackets: so no key of a user's can be mistaken for one."""
    if isinstance(value, (list, tuple, LayerGroup)):
        return "<list>"
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{name}>" if isinstance(name, str) and name in LAYER_TYPES else None


Layers = Annotated[tuple["Layer", ...], Field(min_length=1, max_length=MAX_LAYERS)]
"""Layers that are applied one after another."""


class LayerGroup(RootModel[Layers]):
    """Layers in a list of their own: a Sequential inside the Sequential."""

    model_config = ConfigDict(frozen=True)


class SequentialLayers(SpecModel):
    """Layers one after another, as torch.nn.Sequential; the same as a list."""

    type: Literal["sequential"]
    layers: Layers
    """the layers in their order"""


class Residual(SpecModel):
    """x + f(x), f being the layers one after another; they give the shape that they take."""

    type: Literal["residual"]
    layers: Layers
    """the layers in their order"""


class Concat(SpecModel):
    """Branches that all take the same input, their outputs put side by side, as torch.cat.

    The layers of branch i are named i.0, i.1 and so on; an empty branch passes its input on.
    """

    type: Literal["concat"]
    branches: Annotated[
        tuple[Annotated[tuple["Layer", ...], Field(max_length=MAX_LAYERS)], ...],
        Field(min_length=2, max_length=MAX_BRANCHES),
    ]
    """a list of layers for each branch"""
    dim: Literal[1, 2, 3, 4] = 1
    """the axis that grows, counted as in PyTorch: 0 are the rows, 1 the features or channels"""


CompositeLayer = SequentialLayers | Residual | Concat

Layer = Annotated[
    Annotated[dense.Linear, Tag("<linear>")]
    | Annotated[dense.Identity, Tag("<identity>")]
    | Annotated[dense.Flatten, Tag("<flatten>")]
    | Annotated[dense.Unflatten, Tag("<unflatten>")]
    | Annotated[dense.Dropout, Tag("<dropout>")]
    | Annotated[activations.Relu, Tag("<relu>")]
    | Annotated[activations.LeakyRelu, Tag("<leaky_relu>")]
    | Annotated[activations.Elu, Tag("<elu>")]
    | Annotated[activations.Gelu, Tag("<gelu>")]
    | Annotated[activations.Silu, Tag("<silu>")]
    | Annotated[activations.Sigmoid, Tag("<sigmoid>")]
    | Annotated[activations.Tanh, Tag("<tanh>")]
    | Annotated[activations.Softplus, Tag("<softplus>")]
    | Annotated[activations.Hardtanh, Tag("<hardtanh>")]
    | Annotated[activations.Relu6, Tag("<relu6>")]
    | Annotated[activations.Hardsigmoid, Tag("<hardsigmoid>")]
    | Annotated[activations.Hardswish, Tag("<hardswish>")]
    | Annotated[activations.Softmax, Tag("<softmax>")]
    | Annotated[activations.LogSoftmax, Tag("<log_softmax>")]
    | Annotated[convolution.Conv1d, Tag("<conv1d>")]
    | Annotated[convolution.Conv2d, Tag("<conv2d>")]
    | Annotated[convolution.MaxPool1d, Tag("<max_pool1d>")]
    | Annotated[convolution.MaxPool2d, Tag("<max_pool2d>")]
    | Annotated[convolution.AvgPool1d, Tag("<avg_pool1d>")]
    | Annotated[convolution.AvgPool2d, Tag("<avg_pool2d>")]
    | Annotated[convolution.AdaptiveAvgPool1d, Tag("<adaptive_avg_pool1d>")]
    | Annotated[convolution.AdaptiveAvgPool2d, Tag("<adaptive_avg_pool2d>")]
    | Annotated[normalization.BatchNorm1d, Tag("<batch_norm_1d>")]
    | Annotated[normalization.BatchNorm2d, Tag("<batch_norm_2d>")]
    | Annotated[normalization.LayerNorm, Tag("<layer_norm>")]
    | Annotated[sequence.Embedding, Tag("<embedding>")]
    | Annotated[sequence.Rnn, Tag("<rnn>")]
    | Annotated[sequence.Lstm, Tag("<lstm>")]
    | Annotated[sequence.Gru, Tag("<gru>")]
    | Annotated[sequence.MultiheadAttention, Tag("<multihead_attention>")]
    | Annotated[sequence.TransformerEncoderLayer, Tag("<transformer_encoder_layer>")]
    | Annotated[SequentialLayers, Tag("<sequential>")]
    | Annotated[Residual, Tag("<residual>")]
    | Annotated[Concat, Tag("<concat>")]
    | Annotated[LayerGroup, Tag("<list>")],
    Discriminator(_kind_of_layer, custom_error_type="layer_type", custom_error_message="expected a layer"),
]
"""One layer, or a list of them: a Sequential inside the Sequential."""

LAYER_TYPES = {
    "linear": dense.Linear,
    "identity": dense.Identity,
    "flatten": dense.Flatten,
    "unflatten": dense.Unflatten,
    "dropout": dense.Dropout,
    "relu": activations.Relu,
    "leaky_relu": activations.LeakyRelu,
    "elu": activations.Elu,
    "gelu": activations.Gelu,
    "silu": activations.Silu,
    "sigmoid": activations.Sigmoid,
    "tanh": activations.Tanh,
    "softplus": activations.Softplus,
    "hardtanh": activations.Hardtanh,
    "relu6": activations.Relu6,
    "hardsigmoid": activations.Hardsigmoid,
    "hardswish": activations.Hardswish,
    "softmax": activations.Softmax,
    "log_softmax": activations.LogSoftmax,
    "conv1d": convolution.Conv1d,
    "conv2d": convolution.Conv2d,
    "max_pool1d": convolution.MaxPool1d,
    "max_pool2d": convolution.MaxPool2d,
    "avg_pool1d": convolution.AvgPool1d,
    "avg_pool2d": convolution.AvgPool2d,
    "adaptive_avg_pool1d": convolution.AdaptiveAvgPool1d,
    "adaptive_avg_pool2d": convolution.AdaptiveAvgPool2d,
    "batch_norm_1d": normalization.BatchNorm1d,
    "batch_norm_2d": normalization.BatchNorm2d,
    "layer_norm": normalization.LayerNorm,
    "embedding": sequence.Embedding,
    "rnn": sequence.Rnn,
    "lstm": sequence.Lstm,
    "gru": sequence.Gru,
    "multihead_attention": sequence.MultiheadAttention,
    "transformer_encoder_layer": sequence.TransformerEncoderLayer,
    "sequential": SequentialLayers,
    "residual": Residual,
    "concat": Concat,
}


def _limited(value: object) -> object:
    """Refuse layers nested too deeply, or too many of them, before anything walks down there."""
    level, count = [value], 0
    for _ in range(MAX_NESTING + 1):
        inner = [item for each in level for item in _inside(each)]
        count += sum(not _inside(item) for item in inner)
        if not inner:
            break
        level = inner
    else:
        refuse(
            "too_nested", f"expected layers nested at most {MAX_NESTING} deep, got deeper ones; flatten them"
        )
    if count > MAX_LAYERS:
        message = f"expected at most {MAX_LAYERS} layers in all, got {count}; take some out"
        refuse("too_many_layers", message)
    return value


def _inside(value: object) -> Sequence[object]:
    """What a list of layers or a composite as it was written holds."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, dict):
        held = [value.get(key) for key in ("layers", "branches")]
        return [item for each in held if isinstance(each, (list, tuple)) for item in each]
    return ()


LimitedLayers = Annotated[
    tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS), BeforeValidator(_limited)
]
"""The layers of a model: so many, so deep."""


def walk(layers: Sequence["Layer"], pointer: str, prefix: str = "") -> Iterator[tuple[str, str, SingleLayer]]:
    """All layers that hold no others, in the order in which they are written: (JSON pointer, name, layer).

    The name is the state_dict prefix: "0", in a nested list "1.0".
    """
    for index, layer in enumerate(layers):
        at, name = f"{pointer}/{index}", f"{prefix}{index}"
        if isinstance(layer, LayerGroup):
            yield from walk(layer.root, at, f"{name}.")
        elif isinstance(layer, (SequentialLayers, Residual)):
            yield from walk(layer.layers, f"{at}/layers", f"{name}.")
        elif isinstance(layer, Concat):
            for number, branch in enumerate(layer.branches):
                yield from walk(branch, f"{at}/branches/{number}", f"{name}.{number}.")
        else:
            yield at, name, layer
