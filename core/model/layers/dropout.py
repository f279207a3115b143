"""Numbers left out at random."""

from typing import Literal

from lockstep.core.ground.fields import Fraction
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import SingleLayer


class Dropout(SingleLayer):
    """In training each number is 0 with probability p, else divided by 1 - p; nothing otherwise."""

    type: Literal["dropout"]
    p: Fraction = 0.5
    """the part that is dropped"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """The same shape, with numbers left out in training."""
        return builder.add("dropout", [x], shape=x.shape, name=name, attributes={"p": self.p})
