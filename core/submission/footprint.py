"""How much memory one member needs for a job, known from its spec without making any of it.

What counts is what grows with the spec: rows, parameters with what the optimizer remembers of each, and the
values and gradients of a shard on its way through the model. It is rather too little than too much: what is
refused by it could not have been trained.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lockstep.core.engine.sharing import may_overwrite
from lockstep.core.learning.evaluation import EVALUATION_ROWS
from lockstep.core.model.graph import Graph
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


class Numbers(NamedTuple):
    """How many numbers of each row are kept."""

    forward: int
    back: int


def footprint(spec: ResolvedSpec, facts: Facts | None = None) -> Footprint:
    """The memory of a member that trains alone; one of several holds the same but for partial sums."""
    facts = facts or Facts.of(spec)
    shape, sizes, graph = facts.shape, facts.parts, facts.graph
    number = np.dtype(spec.dtype).itemsize
    batch = sizes.train if spec.batch_size == "full" else min(spec.batch_size, sizes.train)
    shard = -(-batch // spec.shards)
    numbers = _numbers(graph)
    evaluated = min(EVALUATION_ROWS, max(sizes.train, sizes.validation, sizes.test))
    return Footprint(
        rows=shape.rows * (shape.columns + shape.outputs) * (SOURCE_BYTES + number),
        # The vector itself, its gradient, and what a checkpoint copies of it.
        parameters=graph.size * number * (3 + 2 * states_of(spec.optimizer)),
        activations=(numbers.forward + numbers.back) * shard * number,
        evaluation=numbers.forward * evaluated * number,
    )


def _numbers(graph: Graph) -> Numbers:
    """How many numbers of one row are kept on the way forward, and on the way back."""
    consumers = graph.consumers()
    forward = back = 0
    for node in graph.nodes:
        if not node.batched or OPS[node.op].view:
            continue
        own = math.prod(node.shape)
        beside = OPS[node.op].beside(node, [graph.nodes[source].shape for source in node.inputs])
        forward += beside + (0 if may_overwrite(graph, consumers, node) else own)
        # The gradient of an elementwise function's input is written over that of its value.
        back += beside + (0 if OPS[node.op].elementwise else own)
    return Numbers(forward=forward, back=back)
