"""How much memory one member needs for a job, known from its spec without making any of it.

What counts is what grows with the spec: rows, parameters with what the optimizer remembers of each, and the
values and gradients of a shard on its way through the model. It is rather too little than too much: what is
refused by it could not have been trained.
"""

import math
from dataclasses import dataclass

import numpy as np

from lockstep.core.learning.evaluation import EVALUATION_ROWS
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.optim import states_of
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission.facts import Facts

SOURCE_BYTES = 8
"""Of each number of the data, before it is of the job's dtype."""


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


def footprint(spec: ResolvedSpec, facts: Facts | None = None) -> Footprint:
    """The memory of a member that trains alone; one of several holds the same but for partial sums."""
    facts = facts or Facts.of(spec)
    shape, sizes, graph = facts.shape, facts.parts, facts.graph
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
        (math.prod(node.shape) if _has_own(node) else 0)
        + OPS[node.op].beside(node, [graph.nodes[source].shape for source in node.inputs])
        for node in graph.nodes
        if node.batched
    )


def _has_own(node: Node) -> bool:
    """Whether the node has an array of its own, and does not write over its input."""
    return not (OPS[node.op].elementwise or OPS[node.op].view)
