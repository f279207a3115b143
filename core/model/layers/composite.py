"""Layers made of layers: what is applied one after another, beside one another, and around."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import Branch, CompositeLayer, Misfit, shown

if TYPE_CHECKING:
    from lockstep.core.model.layers import Layer

MAX_LAYERS = 1_000
MAX_BRANCHES = 32

Layers = Annotated[tuple["Layer", ...], Field(min_length=1, max_length=MAX_LAYERS)]
"""Layers that are applied one after another."""


class LayerGroup(RootModel[Layers]):
    """Layers in a list of their own: a Sequential inside the Sequential."""

    model_config = ConfigDict(frozen=True)

    def branches_of(self) -> tuple[Branch, ...]:
        """The layers in the list."""
        return (Branch(layers=self.root, pointer=""),)

    def join(self, builder: GraphBuilder, x: Node, outputs: Sequence[Node], name: str) -> Node:  # noqa: ARG002
        """The last layer's output."""
        return outputs[0]


class SequentialLayers(CompositeLayer):
    """Layers one after another, as torch.nn.Sequential; the same as a list."""

    type: Literal["sequential"]
    inside = "layers"
    layers: Layers
    """the layers in their order"""

    def branches_of(self) -> tuple[Branch, ...]:
        """The layers in their order."""
        return (Branch(layers=self.layers, pointer="/layers"),)

    def join(self, builder: GraphBuilder, x: Node, outputs: Sequence[Node], name: str) -> Node:  # noqa: ARG002
        """The last layer's output."""
        return outputs[0]


class Residual(CompositeLayer):
    """x + f(x), f being the layers one after another; they give the shape that they take."""

    type: Literal["residual"]
    inside = "layers"
    layers: Layers
    """the layers in their order"""

    def branches_of(self) -> tuple[Branch, ...]:
        """f."""
        return (Branch(layers=self.layers, pointer="/layers"),)

    def join(self, builder: GraphBuilder, x: Node, outputs: Sequence[Node], name: str) -> Node:
        """The sum."""
        (y,) = outputs
        if y.shape != x.shape:
            message = f"expected layers that give {shown(x.shape)}, the shape that they take, "
            message += f"got {shown(y.shape)}; let the last of them give it"
            raise Misfit("layers", "shape_mismatch", message, x.shape)
        return builder.add("add", [x, y], shape=x.shape, name=name)


class Concat(CompositeLayer):
    """Branches that all take the same input, their outputs put side by side, as torch.cat.

    The layers of branch i are named i.0, i.1 and so on; an empty branch passes its input on.
    """

    type: Literal["concat"]
    inside = "branches"
    branches: Annotated[
        tuple[Annotated[tuple["Layer", ...], Field(max_length=MAX_LAYERS)], ...],
        Field(min_length=2, max_length=MAX_BRANCHES),
    ]
    """a list of layers for each branch"""
    dim: Literal[1, 2, 3, 4] = 1
    """the axis that grows, counted as in PyTorch: 0 are the rows, 1 the features or channels"""

    def branches_of(self) -> tuple[Branch, ...]:
        """One for each branch, named by its number."""
        return tuple(
            Branch(layers=branch, pointer=f"/branches/{number}", prefix=f"{number}.")
            for number, branch in enumerate(self.branches)
        )

    def join(self, builder: GraphBuilder, x: Node, outputs: Sequence[Node], name: str) -> Node:  # noqa: ARG002
        """The branches' outputs side by side."""
        axis, first = self.dim - 1, outputs[0].shape
        shapes = {(*part.shape[:axis], 0, *part.shape[axis + 1 :]) for part in outputs}
        if len(shapes) != 1 or axis >= len(first):
            came = ", ".join(shown(part.shape) for part in outputs)
            message = f"expected branches whose shapes differ along axis {self.dim} alone, got {came}; "
            message += "let them give equal lengths along the others"
            raise Misfit("branches", "shape_mismatch", message)
        shape = (*first[:axis], sum(part.shape[axis] for part in outputs), *first[axis + 1 :])
        return builder.add("concat", outputs, shape=shape, name=name, attributes={"axis": axis})
