"""Layers that leave the numbers as they are."""

import math
from typing import Literal

from lockstep.core.ground.sizes import Shape
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import Misfit, SingleLayer, require_axes, shown, source


class Identity(SingleLayer):
    """x."""

    type: Literal["identity"]
    keeps_numbers = True

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """The same value under another name."""
        return builder.add("identity", [x], shape=x.shape, name=name)


class Flatten(SingleLayer):
    """All numbers of a sample in one row, as torch.nn.Flatten."""

    type: Literal["flatten"]
    keeps_numbers = True

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """All numbers of a sample in one row."""
        return builder.add("flatten", [x], shape=(math.prod(x.shape),), name=name)


class Unflatten(SingleLayer):
    """A row of numbers in a new shape, as torch.nn.Unflatten(1, shape).

    An image is (channels, height, width), a sequence (length, features).
    """

    type: Literal["unflatten"]
    keeps_numbers = True
    shape: Shape
    """the new shape of one sample; its product is the number of numbers that come in"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """A row of numbers in the shape that the layer says."""
        require_axes(x, 1, "rows of numbers")
        if math.prod(self.shape) != x.shape[0]:
            raise Misfit(
                "shape",
                "shape_mismatch",
                f"expected a shape of {x.shape[0]} numbers in all, because {source(x)}, got "
                f"{shown(self.shape)}, which has {math.prod(self.shape)}; make its product {x.shape[0]}",
                self.shape,
            )
        return builder.add("unflatten", [x], shape=self.shape, name=name)
