"""What a layer is: a word of a spec, its keys and how it becomes nodes of a graph; and what layers share."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.ops import OPS

if TYPE_CHECKING:
    from lockstep.core.model.layers import Layer


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Layers inside a layer, one after another: where they stand below it, and what begins their names."""

    layers: Sequence["Layer"]
    pointer: str
    prefix: str = ""


class LayerSpec(SpecModel):
    """The keys of one layer.

    `aliases`: what other systems call it. `keeps_numbers`: it gives the numbers that it takes, perhaps in
    another shape. `gives_logs`: its outputs are logarithms of probabilities. `width_key`: the key that says
    how many numbers it gives for each row. `takes_moments`: in training it takes a mean over a shard's rows.
    `takes_whole_numbers`: its inputs stand for things, not for amounts.
    """

    if TYPE_CHECKING:  # a field of each layer's own, at the place where its schema has it
        type: str
    aliases: ClassVar[tuple[str, ...]] = ()
    keeps_numbers: ClassVar[bool] = False
    gives_logs: ClassVar[bool] = False
    width_key: ClassVar[str | None] = None
    takes_moments: ClassVar[bool] = False
    takes_whole_numbers: ClassVar[bool] = False


class SingleLayer(LayerSpec):
    """A layer that holds no others."""

    @abstractmethod
    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """Append its nodes; gives the one that is its output. `name` is such as "1.0". Raises Misfit."""


class CompositeLayer(LayerSpec):
    """A layer made of layers, which stand under its key `inside`."""

    inside: ClassVar[str]

    @abstractmethod
    def branches_of(self) -> tuple[Branch, ...]:
        """The layers inside."""

    @abstractmethod
    def join(self, builder: GraphBuilder, x: Node, outputs: Sequence[Node], name: str) -> Node:
        """Append what brings the outputs of its branches together. Raises Misfit."""


class Misfit(LockstepError):
    """A layer does not fit what comes into it.

    `key` is the layer's JSON key that should be another, "" for the layer as such; `code` is for programs.
    `shape` is what the layer gives if that is known all the same: then those after it can be looked at too.
    """

    def __init__(self, key: str, code: str, message: str, shape: tuple[int, ...] | None = None) -> None:
        self.key = key
        self.code = code
        self.message = message
        self.shape = shape
        super().__init__(message)


def source(x: Node) -> str:
    """What comes into a layer, for people: 'the data has 3 columns' or 'layer "1" gives 8 numbers'."""
    if OPS[x.op].kind == "data":
        return f"the data has {x.shape[0]} column{'s' if x.shape[0] != 1 else ''}"
    what = f"{x.shape[0]} numbers" if len(x.shape) == 1 else f"the shape {shown(x.shape)}"
    return f'layer "{x.name}" gives {what}'


def shown(shape: tuple[int, ...]) -> str:
    """A shape as users write it: "[8, 5, 5]"."""
    return f"[{', '.join(str(length) for length in shape)}]"


def require_axes(x: Node, axes: int, what: str) -> None:
    """Raise Misfit unless the input has this many axes; `what`: "images [channels, height, width]"."""
    if len(x.shape) != axes:
        raise Misfit(
            "",
            "wrong_axes",
            f"expected {what}, because the layer works on them, but {source(x)}; "
            "put an unflatten or a flatten layer before it",
        )


def require_width(x: Node, axis: int, key: str, width: int, gives: tuple[int, ...]) -> None:
    """Raise Misfit where the input's `axis` is not as long as the layer's `key` says."""
    if x.shape[axis] != width:
        raise Misfit(
            key,
            "width_mismatch",
            f'expected {x.shape[axis]}, because {source(x)}, got {width}; set "{key}" to {x.shape[axis]}',
            gives,
        )
