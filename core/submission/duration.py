"""How long the parts of a job's work may take, by its size alone: what takes longer than that hangs.

The first step of a job has nothing to be compared with, and may be a large one. So this is far more than it
takes on any machine that is fit to train it.
"""

from dataclasses import dataclass

from lockstep.core.engine.price import NUMBERS_PER_SECOND, row_price
from lockstep.core.learning.evaluation import EVALUATION_ROWS
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.core.submission.facts import Facts

SLOWEST = 50
"""So many times slower than most cores a machine may be: old, throttled, shared with others, swapping."""
LOADED_PER_SECOND = 1e6
"""Numbers of the data that are read or made at the least."""
PASSES = 20
"""So many times a step goes over all weights, with what the optimizer remembers of them."""


@dataclass(frozen=True, kw_only=True)
class Duration:
    """In seconds: how long it may take to get a job's data ready, and one step or chunk of an evaluation."""

    loading: float = 0.0
    step: float = 0.0


def longest(spec: AnyResolvedSpec) -> Duration:
    """What the size of a job lets expect; of a search, nothing."""
    if not isinstance(spec, ResolvedSpec):
        return Duration()
    facts = Facts.of(spec)
    shape, graph = facts.shape, facts.graph
    batch = facts.parts.train if spec.batch_size == "full" else min(spec.batch_size, facts.parts.train)
    passes = PASSES + 2 * spec.shards * spec.accumulate
    rows_seconds = row_price(graph).both_seconds * max(batch, EVALUATION_ROWS)
    return Duration(
        loading=shape.rows * (shape.columns + shape.outputs) / LOADED_PER_SECOND,
        step=SLOWEST * (rows_seconds + passes * graph.size / NUMBERS_PER_SECOND),
    )
