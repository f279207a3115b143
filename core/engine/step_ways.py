"""The fast ways to take steps of a training, in the order of asking. Each may be deleted with its lines here.

Those to run a graph are in core/engine/ways.py, which this builds on.
"""

from collections.abc import Callable

from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.scalar.steps import scalar_steps
from lockstep.core.engine.fast.straight import straight_steps
from lockstep.core.engine.interfaces import MakesSteps, StepsAhead, WholeSteps
from lockstep.core.engine.step import StepWork
from lockstep.core.group import Group
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim import Optimizer
from lockstep.core.spec import ResolvedSpec

AHEAD: tuple[MakesSteps, ...] = (scalar_steps,)
WHOLE: tuple[Callable[[ResolvedSpec, Graph, Group, StepWork, Optimizer], WholeSteps | None], ...] = (
    straight_steps,
)


def steps_ahead(
    spec: ResolvedSpec, part: Part, parameters: Parameters, optimizer: Optimizer, stride: int
) -> StepsAhead | None:
    """The first way that takes this job's steps; those that are multiples of `stride` are recorded."""
    made = (make(spec, part, parameters, optimizer, stride) for make in AHEAD)
    return next((each for each in made if each is not None), None)


def whole_steps(
    spec: ResolvedSpec, graph: Graph, group: Group, work: StepWork, optimizer: Optimizer
) -> WholeSteps | None:
    """The first way that takes a step of this job from its rows to the update."""
    made = (make(spec, graph, group, work, optimizer) for make in WHOLE)
    return next((each for each in made if each is not None), None)
