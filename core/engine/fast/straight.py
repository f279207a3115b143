"""Steps of one member with one shard, between whose gradient and update nothing happens: fewer calls a step.

What `Training` does there in general (a group adds, penalties join, limits hold, somebody looks on) is known
to be nothing, so the calls of a step follow straight on one another. They are the same calls; but with plain
gradient descent the products may update the weights themselves (core/engine/fast/adding.py).
"""

import math

from lockstep.core.engine.diagnose import has_steep_places
from lockstep.core.engine.fast.adding import PATIENCE, updating
from lockstep.core.engine.plan import Plan
from lockstep.core.engine.step import StepWork
from lockstep.core.ground.blas import Call
from lockstep.core.group import Group
from lockstep.core.group.solo import SoloGroup
from lockstep.core.model.graph import Graph
from lockstep.core.optim import Optimizer
from lockstep.core.spec import ResolvedSpec


class StraightSteps:
    """The steps of one training. They may leave no gradient behind."""

    def __init__(self, work: StepWork, optimizer: Optimizer) -> None:
        self._work = work
        self._optimizer = optimizer
        self._rate = optimizer.plain_rate
        self._endings: dict[Plan, list[Call]] = {}
        self._taken = 0
        self._fixed: Plan | None = None

    def take(self, step: int) -> tuple[float, bool]:
        """See WholeSteps."""
        plan = self._fixed or self._turn_to(step)
        for call in plan.until_loss:
            call()
        loss = self._work.loss
        sound = math.isfinite(loss)
        if sound:
            ending = self._endings.get(plan)
            if ending is None:
                self._end(plan, step)
            else:
                for call in ending:
                    call()
        return loss, sound

    def _turn_to(self, step: int) -> Plan:
        """The plan of a step, its rows loaded; kept where no step has other rows or random numbers."""
        self._work.select(step)
        plan = self._work.ready()
        if self._work.is_fixed and not plan.draws:
            self._fixed = plan
        return plan

    def _end(self, plan: Plan, step: int) -> None:
        """The gradient, and the update by it; after some such steps find a shorter way to do both."""
        for call in plan.backward:
            call()
        self._optimizer.step(step, self._work.gradient)
        self._taken += 1
        if self._rate is not None and self._taken >= PATIENCE:
            self._endings[plan] = updating(plan, self._work.parameters, self._work.gradient, self._rate)


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
