"""The layers by name: names, defaults and arithmetic of torch.nn. A layer stands in the list below."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from lockstep.core.ground.fields import refuse
from lockstep.core.ground.words import Vocabulary, name_of, tagged_union, type_tag
from lockstep.core.model.layers.activations import (
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyRelu,
    LogSoftmax,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from lockstep.core.model.layers.attention import MultiheadAttention
from lockstep.core.model.layers.base import CompositeLayer, LayerSpec, SingleLayer
from lockstep.core.model.layers.batch_norm import BatchNorm1d, BatchNorm2d
from lockstep.core.model.layers.composite import MAX_LAYERS, Concat, LayerGroup, Residual, SequentialLayers
from lockstep.core.model.layers.convolution import Conv1d, Conv2d
from lockstep.core.model.layers.dropout import Dropout
from lockstep.core.model.layers.embedding import Embedding
from lockstep.core.model.layers.layer_norm import LayerNorm
from lockstep.core.model.layers.linear import Linear
from lockstep.core.model.layers.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from lockstep.core.model.layers.recurrent import Gru, Lstm, Rnn
from lockstep.core.model.layers.shapes import Flatten, Identity, Unflatten
from lockstep.core.model.layers.transformer import TransformerEncoderLayer

MAX_NESTING = 8

_SINGLE: tuple[type[SingleLayer], ...] = (
    *(Linear, Identity, Flatten, Unflatten, Dropout),
    *(Relu, LeakyRelu, Elu, Gelu, Silu, Sigmoid, Tanh, Softplus),
    *(Hardtanh, Relu6, Hardsigmoid, Hardswish, Softmax, LogSoftmax),
    *(Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, AdaptiveAvgPool1d, AdaptiveAvgPool2d),
    *(BatchNorm1d, BatchNorm2d, LayerNorm),
    *(Embedding, Rnn, Lstm, Gru, MultiheadAttention, TransformerEncoderLayer),
)
_COMPOSITE: tuple[type[CompositeLayer], ...] = (SequentialLayers, Residual, Concat)
SINGLE_NEEDS = {"append": "the nodes that it adds to a graph", "__doc__": "what people are told of it"}
COMPOSITE_NEEDS = {
    "inside": "the key under which its layers stand",
    "branches_of": "the layers inside",
    "join": "what brings their outputs together",
    "__doc__": "what people are told of it",
}
LAYERS: Mapping[str, type[LayerSpec]] = {
    **Vocabulary("layer", SINGLE_NEEDS, ((name_of(kind), kind) for kind in _SINGLE)),
    **Vocabulary("layer", COMPOSITE_NEEDS, ((name_of(kind), kind) for kind in _COMPOSITE)),
}
_INSIDE = tuple(dict.fromkeys(kind.inside for kind in _COMPOSITE))
LAYER_TAG = "<{}>"
"""In angle brackets: so no key of a user's can be mistaken for a branch of the union."""
LIST_TAG = "<list>"
_tag_by_type = type_tag(LAYERS, LAYER_TAG)


def _tag_of(value: object) -> str | None:
    return LIST_TAG if isinstance(value, (list, tuple, LayerGroup)) else _tag_by_type(value)


if TYPE_CHECKING:
    Layer = SingleLayer | CompositeLayer | LayerGroup
else:
    Layer = Annotated[
        tagged_union(LAYERS, LAYER_TAG) | Annotated[LayerGroup, Tag(LIST_TAG)],
        Discriminator(_tag_of, custom_error_type="layer_type", custom_error_message="expected a layer"),
    ]
    for _holder in (LayerGroup, *_COMPOSITE):  # which were written before there was a union
        _holder.model_rebuild(_types_namespace={"Layer": Layer})
"""One layer, or a list of them: a Sequential inside the Sequential."""


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
        held = [value.get(key) for key in _INSIDE]
        return [item for each in held if isinstance(each, (list, tuple)) for item in each]
    return ()


LimitedLayers = Annotated[
    tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS), BeforeValidator(_limited)
]
"""The layers of a model: at most this many, and nested at most this deep."""


def walk(layers: Sequence[Layer], pointer: str, prefix: str = "") -> Iterator[tuple[str, str, SingleLayer]]:
    """All layers that hold no others, in the order in which they are written: (JSON pointer, name, layer).

    The name is the state_dict prefix: "0", in a nested list "1.0".
    """
    for index, layer in enumerate(layers):
        at, name = f"{pointer}/{index}", f"{prefix}{index}"
        if isinstance(layer, SingleLayer):
            yield at, name, layer
        else:
            for branch in layer.branches_of():
                yield from walk(branch.layers, f"{at}{branch.pointer}", f"{name}.{branch.prefix}")
