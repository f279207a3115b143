"""Whether the settings of an optimizer go together, and go with the rest of a job."""

from collections.abc import Iterator
from dataclasses import replace

from lockstep.core.ground.errors import Problem
from lockstep.core.optim import OptimizerSpec
from lockstep.core.spec.job import TrainSpec
from lockstep.core.spec.stop import LossBelow


def check_optimizer(optimizer: OptimizerSpec, parameters: int | None = None) -> Iterator[Problem]:
    """All problems of an optimizer by itself, or those of moving this many parameters with it."""
    problems = optimizer.problems() if parameters is None else optimizer.problems_with(parameters)
    yield from (replace(problem, pointer=f"/optimizer{problem.pointer}") for problem in problems)


def check_updates(spec: TrainSpec) -> Iterator[Problem]:
    """All problems of a training's optimizer."""
    yield from check_optimizer(spec.optimizer)
    if spec.optimizer.needs_full_batch and spec.batch_size != "full":
        yield Problem(
            pointer="/batch_size",
            code="needs_full_batch",
            message=f'expected "full", because {spec.optimizer.needs_full_batch}, got {spec.batch_size}; '
            'write "full", or take another optimizer',
        )


def check_stop(spec: TrainSpec) -> Iterator[Problem]:
    """Whether the stop rules go together."""
    stop = spec.stop
    if stop.min_delta > 0 and stop.patience is None and not stop.restore_best:
        yield Problem(
            pointer="/stop/min_delta",
            code="without_effect",
            message=f"expected patience or restore_best with min_delta, got neither and {stop.min_delta:g}; "
            "set patience, or take min_delta out",
        )
    below = stop.loss_below
    if isinstance(below, LossBelow) and below.of == "validation" and not spec.data.validation_fraction:
        yield Problem(
            pointer="/stop/loss_below/of",
            code="no_validation_part",
            message='expected a part of the data to validate by with "of": "validation", got none; '
            'set data.validation_fraction, or take "train"',
        )
