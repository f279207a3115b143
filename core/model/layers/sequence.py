"""Embedding and recurrent layers: the parameters' names, shapes and starts are torch's."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lockstep.core.ground.fields import SpecModel
from lockstep.core.ground.random import generator
from lockstep.core.model.graph import Attribute, GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import Builder, Misfit, require_axes, require_width, source
from lockstep.core.model.ops import OPS
from lockstep.core.model.spec.sequence import Embedding, Gru, Lstm, Rnn

SEQUENCE = "a sequence [length, features]"


@dataclass(frozen=True, kw_only=True)
class EmbeddingStart:
    """N(0, 1), and zeros in the row `padding`, as torch.nn.Embedding."""

    padding: int | None

    def draw(self, shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`."""
        rows = generator(seed, "parameter", name).standard_normal(shape)
        if self.padding is not None:
            rows[self.padding] = 0.0
        return rows


def append_embedding(builder: GraphBuilder, x: Node, name: str, layer: Embedding) -> Node:
    """x (...), whole numbers of the data -> (..., embedding_dim). Their range: core/data/tokens.py."""
    shape = (*x.shape, layer.embedding_dim)
    data = x
    while OPS[data.op].keeps_numbers:
        data = builder.node(data.inputs[0])
    if OPS[data.op].kind != "data":
        raise Misfit(
            "",
            "not_the_data",
            f"expected the data's own whole numbers, because each stands for a row, but {source(x)} "
            "that were computed; put the embedding first",
            shape,
        )
    if layer.padding_idx is not None and layer.padding_idx >= layer.num_embeddings:
        raise Misfit(
            "padding_idx",
            "out_of_range",
            f"expected a number below num_embeddings, {layer.num_embeddings}, got {layer.padding_idx}; "
            "lower it, or raise num_embeddings",
            shape,
        )
    weight = Parameter(
        name=f"{name}.weight",
        shape=(layer.num_embeddings, layer.embedding_dim),
        initializer=EmbeddingStart(padding=layer.padding_idx),
    )
    padding = -1 if layer.padding_idx is None else layer.padding_idx
    attributes = {"count": layer.num_embeddings, "padding": padding}
    return builder.add(
        "embedding", [x, builder.parameter(weight)], shape=shape, name=name, attributes=attributes
    )


_GATES: Mapping[str, int] = MappingProxyType({"rnn": 1, "lstm": 4, "gru": 3})


def append_recurrent(builder: GraphBuilder, x: Node, name: str, layer: Rnn | Lstm | Gru) -> Node:
    """x (length, in) -> (length, hidden · directions), or the last state of each direction side by side.

    One node for each layer and direction, each on the states of all directions below.
    """
    require_axes(x, 2, SEQUENCE)
    features = layer.hidden * (2 if layer.bidirectional else 1)
    takes_last = layer.output == "last"
    require_width(x, 1, "in", layer.inputs, (features,) if takes_last else (x.shape[0], features))
    for number in range(layer.num_layers):
        on_top = number == layer.num_layers - 1
        stack = _Stack(
            name=name,
            number=number,
            label=name if on_top else f"{name}.l{number}",
            final=on_top and takes_last,
        )
        x = stack.append(builder, x, layer)
    return x


@dataclass(frozen=True, kw_only=True)
class _Stack:
    """All directions of one of the layers that are stacked; its last node is called `label`.

    `final`: it gives the final state of each direction, not the states of all positions.
    """

    name: str
    number: int
    label: str
    final: bool

    def append(self, builder: GraphBuilder, x: Node, layer: Rnn | Lstm | Gru) -> Node:
        """(length, in) -> (length, hidden · directions), or (hidden · directions,) if `final`."""
        if not layer.bidirectional:
            states = self._direction(builder, x, layer, "")
            return self._final(builder, states, self.label) if self.final else states
        parts = [self._direction(builder, x, layer, end) for end in ("", "_reverse")]
        if self.final:
            parts = [self._final(builder, part, f"{part.name}.last") for part in parts]
        shape = (*parts[0].shape[:-1], 2 * layer.hidden)
        attributes = {"axis": len(shape) - 1}
        return builder.add("concat", parts, shape=shape, name=self.label, attributes=attributes)

    def _direction(self, builder: GraphBuilder, x: Node, layer: Rnn | Lstm | Gru, end: str) -> Node:
        is_labelled = not layer.bidirectional and not self.final
        attributes: dict[str, Attribute] = {"reverse": int(end == "_reverse")}
        if isinstance(layer, Rnn):
            attributes["nonlinearity"] = layer.nonlinearity
        return builder.add(
            layer.type,
            [x, *self._weights(builder, x.shape[1], layer, end)],
            shape=(x.shape[0], layer.hidden),
            name=self.label if is_labelled else f"{self.name}.l{self.number}{end}",
            attributes=attributes,
        )

    def _weights(self, builder: GraphBuilder, inputs: int, layer: Rnn | Lstm | Gru, end: str) -> list[Node]:
        """Weights are stored with their axes exchanged: the states' product then reads them as they lie."""
        width = _GATES[layer.type] * layer.hidden
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (width, inputs),
            "weight_hh": (width, layer.hidden),
        }
        if layer.bias:
            shapes |= {"bias_ih": (width,), "bias_hh": (width,)}
        initializer = Uniform(bound=linear_bound(layer.hidden))
        return [
            builder.parameter(
                Parameter(
                    name=f"{self.name}.{part}_l{self.number}{end}",
                    shape=shape,
                    transposed=len(shape) == 2,
                    initializer=initializer,
                )
            )
            for part, shape in shapes.items()
        ]

    def _final(self, builder: GraphBuilder, states: Node, name: str) -> Node:
        """The state after the last step of time."""
        index = 0 if states.attributes["reverse"] else -1
        return builder.add(
            "position", [states], shape=states.shape[1:], name=name, attributes={"index": index}
        )


BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    {
        Embedding: append_embedding,
        Rnn: append_recurrent,
        Lstm: append_recurrent,
        Gru: append_recurrent,
    }
)
