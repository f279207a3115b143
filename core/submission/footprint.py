"""How much memory one member needs for a job, known from its spec without making any of it.

What counts is what grows with the spec: rows, parameters with what the optimizer remembers of each, and the
values and gradients of a shard on its way through the model. It is sooner too low than too high: what is
refused by it could not have been trained.
"""

import math
from dataclasses import dataclass

import numpy as np

from lockstep.core.engine.fast.adding import MAX_PROBED, PROBED_VECTORS
from lockstep.core.engine.fast.merging import TOGETHER
from lockstep.core.engine.room import MAX_TOGETHER_BYTES, row_numbers
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
    sums: int
    evaluation: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.rows + self.parameters + self.activations + self.sums + self.evaluation


def footprint(spec: ResolvedSpec, facts: Facts | None = None) -> Footprint:
    """The memory of a member that trains alone; one of several holds the same but for partial sums."""
    facts = facts or Facts.of(spec)
    shape, sizes, graph = facts.shape, facts.parts, facts.graph
    number = np.dtype(spec.dtype).itemsize
    batch = sizes.train if spec.batch_size == "full" else min(spec.batch_size, sizes.train)
    numbers = row_numbers(graph)
    row = (numbers.forward + numbers.back) * number
    shard = -(-batch // spec.shards)
    together = _goes_together(spec, batch, row)
    evaluated = min(EVALUATION_ROWS, max(sizes.train, sizes.validation, sizes.test))
    return Footprint(
        rows=shape.rows * (shape.columns + shape.outputs) * (SOURCE_BYTES + number),
        # The vector itself, its gradient, and what a checkpoint copies of it.
        parameters=graph.size * number * (3 + 2 * states_of(spec.optimizer)),
        activations=row * (batch if together else shard),
        sums=number * _sums(graph, spec.shards) if together else 0,
        evaluation=numbers.forward * evaluated * number,
    )


def _goes_together(spec: ResolvedSpec, batch: int, row: int) -> bool:
    """Whether all shards of a batch pass through the model at once, of `row` bytes for each row."""
    alone = spec.shards == 1 or spec.accumulate > 1 or spec.data.augment or batch % spec.shards
    return not alone and row * batch <= MAX_TOGETHER_BYTES


def _sums(graph: Graph, together: int) -> int:
    """How many numbers the sums of so many shards' gradients take that are worked on together.

    One array of the largest weight for each level of the tree, and those in which a probe asks whether
    products may add themselves.
    """
    weights = [math.prod(graph.nodes[node.inputs[1]].shape) for node in graph.nodes if OPS[node.op].affine]
    largest = max((size for size in weights if size * together > TOGETHER), default=0)
    if not largest:
        return 0
    return largest * (together.bit_length() - 1 + (PROBED_VECTORS if largest <= MAX_PROBED else 0))
