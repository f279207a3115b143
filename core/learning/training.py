"""Training: the loop over steps, the same code on the lead and on every helper.

A step, from top to bottom: the group welcomes who joined, every member computes the shards that it owns, the
group adds losses and gradients in the fixed tree, every member joins the penalties, limits the gradient and
takes the same optimizer step, or its slice of it (dividing.py), and the stop rules look at the loss. Nothing
here knows a clock, a socket or a database: whoever drives `Training.advance` saves and reports.
"""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from lockstep.core.data.batches import Batches
from lockstep.core.data.dataset import Dataset
from lockstep.core.data.tokens import require_tokens
from lockstep.core.engine.diagnose import first_bad_node, has_steep_places
from lockstep.core.engine.interfaces import StepsAhead
from lockstep.core.engine.moments import RunningStatistics
from lockstep.core.engine.step import Seen, StepData, StepWork
from lockstep.core.engine.step_ways import steps_ahead, whole_steps
from lockstep.core.ground.errors import Diverged, DomainError, Interrupted, InvalidData
from lockstep.core.ground.interruption import LookUp
from lockstep.core.group import Group
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.dividing import shared_update
from lockstep.core.learning.epochs import Epochs, Pairs, schedule_of
from lockstep.core.learning.evaluation import evaluations_of
from lockstep.core.learning.finishing import outcome_of
from lockstep.core.learning.observation import Observer
from lockstep.core.learning.recording import TrainingRecorder
from lockstep.core.learning.report import Outcome, Points, Report
from lockstep.core.learning.state import TrainingState
from lockstep.core.learning.stopping import BestWeights
from lockstep.core.learning.unsound import failure_of
from lockstep.core.model.build import build_graph, initial_weights
from lockstep.core.model.parameters import Parameters, export
from lockstep.core.optim.clipping import Clipping
from lockstep.core.optim.penalty import WeightPenalty
from lockstep.core.spec import ResolvedSpec


class Training:
    """One job's training on one member, from `checkpoint` or from the start.

    `start`: the weights (state_dict layout) of the job that the spec says to start from, if it does.
    `step` is the next step to do, `steps` the most that can come. `stop_reason` is None while it goes on,
    then "steps_done", "loss_below" or "patience".
    """

    def __init__(
        self,
        spec: ResolvedSpec,
        dataset: Dataset,
        group: Group,
        checkpoint: Checkpoint | None = None,
        start: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self._spec, self._group = spec, group
        graph = self._graph = build_graph(spec.model, dataset.columns)
        require_tokens(graph, *dataset.inputs)
        self._steep = has_steep_places(graph)
        self._parameters = Parameters(graph, np.dtype(spec.dtype))
        batches = Batches(dataset.train.rows, spec.step_rows, spec.shuffle, spec.seed)
        self._work = StepWork(spec, graph, self._parameters, StepData(dataset.train, batches))
        self._penalty = WeightPenalty(spec.penalty, self._parameters) if spec.penalty else None
        self._clipping = Clipping(spec.clip) if spec.clip else None
        self._optimizer = spec.optimizer.build(self._parameters.flat)
        self._running = RunningStatistics(graph, self._parameters.buffers, self._work.statistics)
        self._evaluations = evaluations_of(spec, graph, self._parameters, dataset)
        self.steps = spec.epochs * batches.steps_per_epoch
        self._observer = Observer(self._parameters, self.steps, spec.seed)
        self._recorder = TrainingRecorder(self._parameters, self.steps)
        self._schedule = schedule_of(spec, self.steps, batches.steps_per_epoch)
        self._ahead = steps_ahead(
            spec, dataset.train, self._parameters, self._optimizer, self._recorder.stride
        )
        self._whole_steps = whole_steps(spec, graph, group, self._work, self._optimizer)
        self._shared = shared_update(spec, graph, self._optimizer, self._parameters.flat, self._work.gradient)
        self._best = BestWeights(self._parameters)
        self._epochs = Epochs(spec, self._work, self._evaluations, self._best, self._schedule)
        state = (self._parameters, self._optimizer, self._schedule, self._epochs, self._shared)
        self._state = TrainingState(*state)
        self._price, self._last_loss, self._sound = 0.0, math.nan, True
        if checkpoint is None:
            self._parameters.initialize(spec.seed, start or initial_weights(spec.model))
            self.step = 0
        else:
            self._state.restore(checkpoint)
            self.step, self._last_loss = checkpoint.step, checkpoint.loss
        self._kept: Checkpoint | None = None  # the state before a step that a long evaluation follows
        self.look_up = None
        self._begin()

    @property
    def stop_reason(self) -> str | None:
        return self._epochs.stopping.reason

    @property
    def finished(self) -> bool:
        return self.stop_reason is not None

    def advance(self, steps: int) -> Report:
        """Do up to `steps` steps, fewer where training ends or fails before.

        Where `look_up` raises Interrupted, the step in progress is undone, and those before it are reported.
        Raises what the group raises: on a helper Released and LeadLost.
        """
        first = self.step
        losses = np.empty(min(steps, self.steps - first))
        pairs: Pairs = {}
        failure: Diverged | DomainError | None = None
        was_interrupted, loss_before = False, self._last_loss
        # Of several steps at a time each is short.
        self._work.look_up = self._look_up if steps == 1 else None
        try:
            with np.errstate(all="ignore"):
                failure = self._take_steps(losses, pairs)
        except Interrupted:
            was_interrupted = True
            self._state.undo(self._kept)
            self._last_loss = self._kept.loss if self._kept else loss_before
        self._kept = None
        series = self._recorder.series()
        series["loss"] = Points(steps=np.arange(first, self.step), values=losses[: self.step - first])
        series |= {name: Points.of(points) for name, points in pairs.items()}
        series |= self._observer.series()
        if was_interrupted:
            series = {name: points.before(self.step) for name, points in series.items()}
            self._begin()
        return Report(
            first_step=first, step=self.step, series=series, failure=failure, was_interrupted=was_interrupted
        )

    def _take_steps(self, losses: np.ndarray, pairs: Pairs) -> Diverged | DomainError | None:
        """Take a step for each place in `losses`, perhaps fewer; returns why it can't go on."""
        first, end = self.step, self.step + len(losses)
        while self.step < end and self.stop_reason is None:
            if self._ahead and self._take_steps_ahead(self._ahead, losses[self.step - first :]):
                continue
            step = self.step
            if self._keeps:
                self._kept = self.checkpoint() if self._epochs.evaluates_after(step) else None
            loss = losses[step - first] = self._take_step(step, pairs)
            if self._sound:
                self._epochs.after_step(step, self._price, pairs, self._group)
            self.step = step + 1
            if not self._sound:
                bad = first_bad_node(self._graph, self._parameters, self._work.batch)
                return failure_of(self._spec, step, loss, bad)
        return None

    def _begin(self) -> None:
        """Have the lead record from the next step on."""
        if self._group.rank == 0:
            self._observer.begin(self.step)
            self._recorder.begin(self.step)

    @property
    def look_up(self) -> LookUp | None:
        """Asked between the parts of steps and evaluations that are long; None: nobody is."""
        return self._look_up

    @look_up.setter
    def look_up(self, look_up: LookUp | None) -> None:
        self._look_up = look_up
        for evaluation in self._evaluations.values():
            evaluation.look_up = look_up if evaluation.is_long else None
        # A helper's state is worth nothing once it has left.
        self._keeps = look_up is not None and self._group.rank == 0 and self._epochs.is_long
        self._kept = None

    def _take_steps_ahead(self, ahead: StepsAhead, losses: np.ndarray) -> bool:
        """Take steps up to one that has to be taken by `_take_step`; False where that is the next one."""
        taken = ahead.run(self.step, len(losses), self._epochs.stopping.goal)
        if len(taken.losses):
            losses[: len(taken.losses)] = taken.losses
            self._recorder.note_all(taken.recorded)
            self.step += len(taken.losses)
            self._last_loss = float(taken.losses[-1])
            self._epochs.stopping.judge(self.step - 1, self._last_loss)
        return bool(len(taken.losses))

    def _take_step(self, step: int, series: Pairs) -> float:
        """One update of the weights. Returns the loss before it; a step that is not sound updates nothing."""
        if self._whole_steps and step not in (self._observer.due, self._recorder.due):
            self._last_loss, self._sound = self._whole_steps.take(step)
            return self._last_loss
        self._group.welcome(lambda: self.checkpoint().to_bytes())
        self._work.select(step)
        if not self._reduce(step):
            self._judge(step)
            if step == self._recorder.due:
                self._recorder.note(self._work.gradient)
            if self._sound:
                self._update(step)
        if self._sound:
            if self._schedule:
                series.setdefault("learning_rate", []).append((step, self._schedule.rate(step)))
            self._running.update(self._work.rows)
        return self._last_loss

    def _reduce(self, step: int) -> bool:
        """All-reduce loss and gradient over the group's shards. True where the weights were moved in that.

        Members do so together where it pays, each a slice, but for steps whose gradient somebody looks at.
        """
        batch, shared = self._work, self._shared
        together = shared if not self._observer.looks_at(step) else None
        if together:
            together.begin(step, partial(self._judge, step))
        admits = not self._epochs.evaluates_after(step)
        moved = self._group.all_reduce(batch, batch.total, admits=admits, update=together)
        if shared and not moved:
            shared.leave()
        return moved

    def _join_penalty(self) -> float:
        """Have the batch's gradient contain the penalty's; give the loss with both."""
        self._price = self._penalty.join(self._work.gradient) if self._penalty else 0.0
        return self._work.loss + self._price

    def _judge(self, step: int) -> bool:
        """Whether the step is sound, then with its learning rate set: it may change the weights.

        Where a slope can be infinite, the gradient counts too.
        """
        loss = self._last_loss = self._join_penalty()
        self._sound = math.isfinite(loss) and not (self._steep and not np.isfinite(self._work.total).all())
        if self._sound and self._schedule:
            self._optimizer.set_learning_rate(self._schedule.rate(step))
        return self._sound

    def _update(self, step: int) -> None:
        """Clip the gradient, move the weights; the observer looks on where due."""
        gradient = self._work.gradient
        observed = step == self._observer.due
        if observed:
            self._observer.before(step, gradient, self._work.first_rows)
        if self._clipping:
            self._clipping.apply(gradient)
        self._optimizer.step(step, gradient)
        if observed:
            self._observer.after()

    @property
    def parameters(self) -> Parameters:
        """The model as it is before step `step`."""
        return self._parameters

    def gradients(self) -> dict[str, np.ndarray]:
        """The whole batch's gradient at step `step`, before clipping, in state_dict layout; moves nothing.

        For a training that is alone: the others of a group would not know of it.
        """
        self._work.look_up = self._look_up
        with np.errstate(all="ignore"):
            self._work.select(self.step)
            self._group.all_reduce(self._work, self._work.total, admits=False)
            self._join_penalty()
        return export(self._graph, self._work.gradient)

    def seen(self, sample: int) -> Seen:
        """The rows that pass together with row `sample` of the batch of step `step`; moves nothing.

        Raises InvalidData where the batch has no such row.
        """
        self._work.select(self.step)
        if sample >= self._work.rows:
            raise InvalidData(
                f"expected a sample of the step's batch, 0 to {self._work.rows - 1}, got {sample}"
            )
        with np.errstate(all="ignore"):
            return self._work.seen(sample)

    def checkpoint(self) -> Checkpoint:
        """The state before step `step`, as copies."""
        return self._state.save(self.step, self._last_loss)

    def outcome(self) -> Outcome:
        """Evaluate the final weights on every part of the data.

        With restore_best they are those of the best epoch, but for a job that loss_below has ended. Raises
        Diverged where the last update has left the finite numbers, Interrupted, with the state as it was.
        """
        last = BestWeights(self._parameters)
        if self.stop_reason != "loss_below" and self._best.arrays:
            last.keep()
            self._best.restore()
        if not np.isfinite(self._parameters.flat).all():
            raise Diverged(
                f"the update of step {self.step - 1} made a weight infinite or NaN; lower the learning rate"
            )
        try:
            return outcome_of(self._parameters, self._evaluations, self._last_loss)
        except Interrupted:
            last.restore()
            raise
