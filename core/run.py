"""A job's run on one member, whatever its kind: what it takes to begin, and what can be asked of it.

`prepare` reads what a job needs, which may take a while; `Prepared.start` begins once the group is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from lockstep.core.data.dataset import Preprocessing, Told
from lockstep.core.data.shapes import shape_of
from lockstep.core.formulas.minimize import Minimize
from lockstep.core.formulas.solve import Solve
from lockstep.core.ground.interruption import LookUp
from lockstep.core.group import Group
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import SMALL_RESULT, Outcome, Report
from lockstep.core.learning.stopping import BestWeights
from lockstep.core.learning.training import Training
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.schedules import Schedule
from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, ResolvedSpec, SolveSpec

StartWeights = Mapping[str, np.ndarray] | None
"""The weights (state_dict layout) of the job that the spec says to start from, if it does."""


class Run(Protocol):
    """An iterator of reports. Its driver saves and tells; a run knows no clock and no store.

    `step` is how many steps are done, `steps` the most that can come; `stop_reason` is None while it goes on.
    `look_up` is asked between the parts of what takes long; None: nobody is.
    """

    step: int
    steps: int
    look_up: LookUp | None

    @property
    def stop_reason(self) -> str | None:
        """Why the run is over."""

    @property
    def finished(self) -> bool:
        """Whether there is a `stop_reason`."""

    def advance(self, steps: int) -> Report:
        """Do up to `steps` steps, fewer where the run ends, fails or is interrupted before.

        Amid a step nobody looks up but where `steps` is 1: of several at a time each is short.
        """

    def checkpoint(self) -> Checkpoint:
        """The state now, as copies, from which a run goes on to the same bits."""

    def outcome(self) -> Outcome:
        """What came out, of a run that is finished.

        Raises Diverged where that is no finite number, Interrupted; then the state is as it was.
        """


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A job that can start. `epochs` is 0 where there is no data to go over.

    `told`: what its result says of the preprocessing (core.data.dataset.Preprocessing.told), None where that
    is nothing, or more numbers than a result shows.
    """

    start: Callable[[Group, Checkpoint | None, StartWeights], Run]
    epochs: int = 0
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    told: Told | None = None


def prepare(spec: AnyResolvedSpec) -> Prepared:
    """Get a job ready. Raises InvalidData where its data cannot be used."""
    if isinstance(spec, MinimizeSpec):
        return Prepared(start=lambda _, checkpoint, __: Minimize(spec, checkpoint))
    if isinstance(spec, SolveSpec):
        return Prepared(start=lambda _, checkpoint, __: Solve(spec, checkpoint))
    dataset = load_dataset(spec)
    fitted = dataset.preprocessing
    return Prepared(
        start=partial(Training, spec, dataset),
        epochs=spec.epochs,
        preprocessing=fitted,
        told=fitted.told(dataset.class_names) if fitted.numbers <= SMALL_RESULT else None,
    )


def blank_checkpoint(spec: AnyResolvedSpec) -> Checkpoint:
    """What a checkpoint of the job has to be like (Checkpoint.require_like); its numbers mean nothing.

    No data is loaded, and nothing is drawn.
    """
    if isinstance(spec, MinimizeSpec):
        return Minimize(spec).checkpoint()
    if isinstance(spec, SolveSpec):
        return Solve(spec).checkpoint()
    return _blank_of_training(spec)


def _blank_of_training(spec: ResolvedSpec) -> Checkpoint:
    graph = build_graph(spec.model, shape_of(spec.data).columns)
    parameters = Parameters(graph, np.dtype(spec.dtype))
    best = BestWeights(parameters)
    if spec.stop.restore_best:
        best.keep()
    rate = spec.optimizer.learning_rate
    return Checkpoint(
        step=0,
        parameters=parameters.flat,
        buffers=parameters.buffers,
        optimizer=spec.optimizer.build(parameters.flat).state,
        plateau=Schedule(spec.schedule, rate, steps=spec.epochs).plateau if spec.schedule else None,
        best=best.arrays,
    )
