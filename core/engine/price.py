"""What it takes to pass rows through a model, about: known from the sizes alone, on a core as most are.

It decides nothing that alters bits. It is good to a factor of a few, and rather too much than too little: who
goes by it asks whether something takes long at all, or how long it may take at most.
"""

import math
from dataclasses import dataclass

from lockstep.core.engine.room import row_numbers
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS

PRODUCTS_PER_SECOND = 2e10
"""Multiplications of a matrix product, of float32 on one core."""
NUMBERS_PER_SECOND = 5e8
"""Numbers that pass through a function such as tanh."""


@dataclass(frozen=True, kw_only=True)
class RowPrice:
    """Of one row: multiplications by a weight on the way forward, and the numbers kept forward and back."""

    products: int
    forward: int
    back: int

    @property
    def forward_seconds(self) -> float:
        """The way forward."""
        return self.products / PRODUCTS_PER_SECOND + self.forward / NUMBERS_PER_SECOND

    @property
    def both_seconds(self) -> float:
        """Forward and back: each weight's gradient, and each input's, takes as many multiplications again."""
        return 3 * self.products / PRODUCTS_PER_SECOND + (self.forward + self.back) / NUMBERS_PER_SECOND


def row_price(graph: Graph) -> RowPrice:
    """That of a graph."""
    numbers = row_numbers(graph)
    products = sum(_products(graph, node) for node in graph.nodes if node.batched)
    return RowPrice(products=products, forward=numbers.forward, back=numbers.back)


def _products(graph: Graph, node: Node) -> int:
    """Each of the node's weights is multiplied once at each place; one that is looked up, not at all."""
    sources = [graph.nodes[source] for source in node.inputs]
    weights = sum(math.prod(source.shape) for source in sources if not source.batched)
    if not weights or OPS[node.op].known_tokens(node) is not None:
        return 0
    return weights * max(_places(each) for each in (node, *sources) if each.batched)


def _places(node: Node) -> int:
    """How many places of a row share the weights, at most: of an image, a sequence or a series."""
    if len(node.shape) == 2:
        return max(node.shape)
    return math.prod(node.shape[1:])
