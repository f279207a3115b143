"""How much memory one member needs for a job, known from its spec without making any of it.

What counts is what grows with the spec: rows, parameters with what the optimizer remembers of each, and the
values and gradients of a shard on its way through the model. It is rather too little than too much: what is
refused by it could not have been trained.
"""

import math
from dataclasses import dataclass

import numpy as np

from lockstep.core.data.shapes import shape_of
from lockstep.core.data.split import part_sizes
from lockstep.core.learning.evaluation import EVALUATION_ROWS
from lockstep.core.learning.inference import input_columns
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.layers import build_graph
from lockstep.core.model.ops import OPS
from lockstep.core.optim import states_of
from lockstep.core.spec import ResolvedSpec

SOURCE_BYTES = 8
"""Of each number of the data, before it is of the job's dtype."""
_SCORES = 3
"""Arrays of an attention's scores: the weights, their gradient, the halves that the largest is found in."""
_DROPPED = 2
"""More of them where some are dropped: the factors, and what is left."""
_GATES = {"rnn": 2, "lstm": 3, "gru": 4}
"""Arrays of a recurrent layer's gates at all positions, forward and back."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes by what they are for."""

    rows: int
    parameters: int
    activations: int
    evaluation: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.rows + self.parameters + self.activations + self.evaluation


def footprint(spec: ResolvedSpec) -> Footprint:
    """The memory of a member that trains alone; one of several holds the same but for partial sums."""
    shape = shape_of(spec.data)
    sizes = part_sizes(shape.rows, spec.data)
    graph = build_graph(spec.model, input_columns(spec))
    number = np.dtype(spec.dtype).itemsize
    batch = sizes.train if spec.batch_size == "full" else min(spec.batch_size, sizes.train)
    shard = -(-batch // spec.shards)
    forward = _numbers(graph)
    evaluated = min(EVALUATION_ROWS, max(sizes.train, sizes.validation, sizes.test))
    return Footprint(
        rows=shape.rows * (shape.columns + shape.outputs) * (SOURCE_BYTES + number),
        # The vector itself, its gradient, and what a checkpoint copies of it.
        parameters=graph.size * number * (3 + 2 * states_of(spec.optimizer)),
        activations=2 * forward * shard * number,
        evaluation=forward * evaluated * number,
    )


def _numbers(graph: Graph) -> int:
    """How many numbers of one row are kept on the way forward; the way back keeps as many."""
    return sum(
        (math.prod(node.shape) if _has_own(node) else 0) + _inside(graph, node)
        for node in graph.nodes
        if node.batched
    )


def _has_own(node: Node) -> bool:
    """Whether the node has an array of its own, and does not write over its input."""
    return not (OPS[node.op].elementwise or OPS[node.op].view)


def _inside(graph: Graph, node: Node) -> int:
    """The numbers that an op keeps beside its value, half of what it keeps forward and back."""
    source = graph.nodes[node.inputs[0]].shape if node.inputs else ()
    if node.op == "attention":
        heads = node.attributes["heads"]
        arrays = _SCORES + (_DROPPED if node.attributes["dropout"] else 0)
        return int(heads) * node.shape[0] ** 2 * arrays // 2 if isinstance(heads, int) else 0
    if node.op in _GATES:
        weight = graph.nodes[node.inputs[1]].shape  # (gates of all units, inputs)
        return source[0] * max(weight) * _GATES[node.op] // 2
    return 0
