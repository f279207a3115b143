"""What the builders of layers share."""

from collections.abc import Callable
from typing import Any

from lockstep.core.ground.errors import LockstepError
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.ops import OPS

Builder = Callable[[GraphBuilder, Node, str, Any], Node]
"""Appends the nodes of one layer: (builder, its input, its name such as "1.0", its spec) -> its output.

The spec is of the class under which the builder stands in its module's BUILDERS.
"""


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
    """Raise Misfit where the input has not so many axes; `what`: "images [channels, height, width]"."""
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
