"""Recurrent layers over sequences (length, features); names, shapes and starts of parameters are torch's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lockstep.core.ground.fields import Switch, Whole
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import Attribute, GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import SingleLayer, require_axes, require_width

SEQUENCE = "a sequence [length, features]"
MAX_STACKED = 16


class _Recurrent(SingleLayer):
    gates: ClassVar[int]
    inputs: Annotated[Width, Field(alias="in")]
    """how many features come in"""
    hidden: Width
    """how many features the state has"""
    num_layers: Annotated[int, Whole(ge=1, le=MAX_STACKED)] = 1
    """how many are stacked, each on the states of the one below"""
    bias: Switch = True
    """whether learned numbers are added"""
    bidirectional: Switch = False
    """whether a second one runs from the end to the start; its states are put beside the first's"""
    output: Literal["sequence", "last"] = "sequence"
    """ "sequence": the states of all positions (length, hidden); "last": the final state (hidden,) of each
    direction, side by side"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (length, in) -> (length, hidden · directions), or the last state of each direction side by side.

        One node for each layer and direction, each on the states of all directions below.
        """
        require_axes(x, 2, SEQUENCE)
        features = self.hidden * (2 if self.bidirectional else 1)
        takes_last = self.output == "last"
        require_width(x, 1, "in", self.inputs, (features,) if takes_last else (x.shape[0], features))
        for number in range(self.num_layers):
            on_top = number == self.num_layers - 1
            stack = _Stack(
                name=name,
                number=number,
                label=name if on_top else f"{name}.l{number}",
                final=on_top and takes_last,
            )
            x = stack.append(builder, x, self)
        return x

    def settings(self) -> Mapping[str, Attribute]:
        """What its nodes know beside the direction."""
        return {}


class Rnn(_Recurrent):
    """h = nonlinearity(W_ih x + b_ih + W_hh h + b_hh), as torch.nn.RNN from zeros; `weight_ih_l0`, ..."""

    type: Literal["rnn"]
    gates = 1
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    """what the state is passed through"""

    def settings(self) -> Mapping[str, Attribute]:
        """Which function bends the sums."""
        return {"nonlinearity": self.nonlinearity}


class Lstm(_Recurrent):
    """Long short-term memory, as torch.nn.LSTM from zeros; gates in the order i, f, g, o."""

    type: Literal["lstm"]
    gates = 4


class Gru(_Recurrent):
    """Gated recurrent unit, as torch.nn.GRU from zeros; gates in the order r, z, n."""

    type: Literal["gru"]
    gates = 3


@dataclass(frozen=True, kw_only=True)
class _Stack:
    """All directions of one of the layers that are stacked; its last node is called `label`.

    `final`: it gives the final state of each direction, not the states of all positions.
    """

    name: str
    number: int
    label: str
    final: bool

    def append(self, builder: GraphBuilder, x: Node, layer: _Recurrent) -> Node:
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

    def _direction(self, builder: GraphBuilder, x: Node, layer: _Recurrent, end: str) -> Node:
        is_labelled = not layer.bidirectional and not self.final
        attributes = {"reverse": int(end == "_reverse"), **layer.settings()}
        return builder.add(
            layer.type,
            [x, *self._weights(builder, x.shape[1], layer, end)],
            shape=(x.shape[0], layer.hidden),
            name=self.label if is_labelled else f"{self.name}.l{self.number}{end}",
            attributes=attributes,
        )

    def _weights(self, builder: GraphBuilder, inputs: int, layer: _Recurrent, end: str) -> list[Node]:
        """Weights are stored with their axes exchanged: the states' product then reads them as they lie."""
        width = layer.gates * layer.hidden
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
