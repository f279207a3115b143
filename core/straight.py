"""Steps of one member with one shard, between whose gradient and update nothing happens: fewer calls a step.

What `Training` does there in general (a group adds, penalties join, limits hold, somebody looks on) is known
to be nothing, so the calls of a step follow straight on one another. They are the same calls.
"""

import math

from core.diagnose import has_steep_places
from core.graph import Graph
from core.group import Group
from core.group.solo import SoloGroup
from core.optim import Optimizer
from core.spec import ResolvedSpec
from core.step import StepWork


class StraightSteps:
    """The steps of one training."""

    def __init__(self, work: StepWork, optimizer: Optimizer) -> None:
        self._work = work
        self._optimizer = optimizer

    def take(self, step: int) -> tuple[float, bool]:
        """Take a step; gives the loss before it, and whether it is finite: else nothing is updated."""
        work = self._work
        work.select(step)
        plan = work.ready()
        for call in plan.until_loss:
            call()
        loss = work.loss
        sound = math.isfinite(loss)
        if sound:
            for call in plan.backward:
                call()
            self._optimizer.step(step)
        return loss, sound


def straight_steps(
    spec: ResolvedSpec, graph: Graph, group: Group, work: StepWork, optimizer: Optimizer
) -> StraightSteps | None:
    """The steps of a job; None where something happens between the gradient of a step and its update."""
    straight = (
        isinstance(group, SoloGroup)
        and spec.shards == spec.accumulate == 1
        and all(extra is None for extra in (spec.schedule, spec.clip, spec.penalty))
        and not (graph.statistics or has_steep_places(graph))
    )
    return StraightSteps(work, optimizer) if straight else None
