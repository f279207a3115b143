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
from lockstep.core.ground.errors import Diverged, InvalidData
from lockstep.core.group import Group
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.dividing import shared_update
from lockstep.core.learning.epochs import Epochs, Pairs
from lockstep.core.learning.evaluation import EvaluationWork
from lockstep.core.learning.observation import Observer
from lockstep.core.learning.recording import TrainingRecorder
from lockstep.core.learning.report import Outcome, Points, Report
from lockstep.core.learning.stopping import BestWeights
from lockstep.core.learning.unsound import failure_of
from lockstep.core.model.build import build_graph, initial_weights
from lockstep.core.model.parameters import Parameters, export, weights_sha256
from lockstep.core.optim.clipping import Clipping
from lockstep.core.optim.penalty import WeightPenalty
from lockstep.core.optim.schedules import Schedule
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
        self._spec = spec
        self._group = group
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
        parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
        self._evaluations = {
            name: EvaluationWork(spec, graph, self._parameters, part)
            for name, part in parts.items()
            if part is not None
        }
        self.steps = spec.epochs * batches.steps_per_epoch
        self._observer = Observer(self._parameters, self.steps, spec.seed)
        self._recorder = TrainingRecorder(self._parameters, self.steps)
        self._schedule: Schedule | None = None
        if spec.schedule:
            counts = {"steps": self.steps, "steps_per_epoch": batches.steps_per_epoch}
            self._schedule = Schedule(spec.schedule, spec.optimizer.learning_rate, **counts)
        self._ahead = steps_ahead(
            spec, dataset.train, self._parameters, self._optimizer, self._recorder.stride
        )
        self._whole_steps = whole_steps(spec, graph, group, self._work, self._optimizer)
        self._shared = shared_update(spec, graph, self._optimizer, self._parameters.flat, self._work.gradient)
        self._best = BestWeights(self._parameters)
        self._epochs = Epochs(spec, self._work, self._evaluations, self._best, self._schedule)
        self._price = 0.0
        self._last_loss = math.nan
        self._sound = True
        if checkpoint is None:
            self._parameters.initialize(spec.seed, start or initial_weights(spec.model))
            self.step = 0
        else:
            self._restore(checkpoint)
        if group.rank == 0:
            self._observer.begin(self.step)
            self._recorder.begin(self.step)

    @property
    def stop_reason(self) -> str | None:
        return self._epochs.stopping.reason

    @property
    def finished(self) -> bool:
        return self.stop_reason is not None

    def advance(self, steps: int) -> Report:
        """Do up to `steps` steps, fewer where training ends or fails before.

        Raises what the group raises: on a helper Released and LeadLost.
        """
        first = self.step
        losses = np.empty(min(steps, self.steps - first))
        pairs: Pairs = {}
        failure = None
        with np.errstate(all="ignore"):
            while self.step < first + len(losses) and self.stop_reason is None and failure is None:
                if self._ahead and self._take_steps_ahead(self._ahead, losses[self.step - first :]):
                    continue
                step = self.step
                loss = losses[step - first] = self._take_step(step, pairs)
                if self._sound:
                    self._epochs.after_step(step, self._price, pairs, self._group)
                else:
                    bad = first_bad_node(self._graph, self._parameters, self._work.batch)
                    failure = failure_of(self._spec, step, loss, bad)
                self.step = step + 1
        series = self._recorder.series()
        series["loss"] = Points(steps=np.arange(first, self.step), values=losses[: self.step - first])
        series |= {name: Points.of(points) for name, points in pairs.items()}
        series |= self._observer.series()
        return Report(first_step=first, step=self.step, series=series, failure=failure)

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
        self._group.welcome(self._state)
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
        if self._shared:
            self._shared.gather()
        saved = Checkpoint(
            step=self.step,
            parameters=self._parameters.flat.copy(),
            buffers={name: buffer.copy() for name, buffer in self._parameters.buffers.items()},
            optimizer={name: vector.copy() for name, vector in self._optimizer.state.items()},
            loss=self._last_loss,
            plateau=self._schedule.plateau if self._schedule else None,
        )
        return self._epochs.save(saved)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._parameters.flat[:] = checkpoint.parameters
        for name, buffer in self._parameters.buffers.items():
            buffer[...] = checkpoint.buffers[name]
        for name, vector in self._optimizer.state.items():
            vector[:] = checkpoint.optimizer[name]
        if self._schedule:
            self._schedule.plateau = checkpoint.plateau
        self._epochs.restore(checkpoint)
        self.step, self._last_loss = checkpoint.step, checkpoint.loss

    def _state(self) -> bytes:
        return self.checkpoint().to_bytes()

    def outcome(self) -> Outcome:
        """Evaluate the final weights on every part of the data, alone: the tree gives any group's bits.

        With restore_best they are those of the best epoch, but for a job that loss_below has ended. Raises
        Diverged where the last update has left the finite numbers.
        """
        if self.stop_reason != "loss_below":
            self._best.restore()
        if not np.isfinite(self._parameters.flat).all():
            raise Diverged(
                f"the update of step {self.step - 1} made a weight infinite or NaN; lower the learning rate"
            )
        metrics: dict[str, float] = {}
        tables: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):
            for part, evaluation in self._evaluations.items():
                is_held_out = part != "train" or len(self._evaluations) == 1
                measured = evaluation.measure(all_metrics=is_held_out)
                metrics |= {f"{part}_{name}": value for name, value in measured.metrics.items()}
                tables |= {f"{part}_{name}": table for name, table in measured.tables.items()}
        weights = self._parameters.export()
        return Outcome(
            loss=self._last_loss,
            metrics=metrics,
            tables=tables,
            weights=weights,
            weights_sha256=weights_sha256(weights),
        )
