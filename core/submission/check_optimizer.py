"""Whether the settings of an optimizer go together, and go with the rest of a job."""

from collections.abc import Iterator

from lockstep.core.ground.errors import Problem
from lockstep.core.optim.spec import AnyOptimizer, Sgd
from lockstep.core.spec.job import TrainSpec
from lockstep.core.spec.stop import LossBelow

MAX_HISTORY_NUMBERS = 20_000_000
"""The numbers that lbfgs may keep: they are part of each checkpoint."""


def check_optimizer(optimizer: AnyOptimizer) -> Iterator[Problem]:
    """All problems of an optimizer by itself, whatever it is to move."""
    if not isinstance(optimizer, Sgd) or not optimizer.nesterov:
        return
    if optimizer.momentum == 0:
        yield Problem(
            pointer="/optimizer/nesterov",
            code="needs_momentum",
            message="expected momentum above 0 with nesterov, got 0; set momentum, or nesterov to false",
        )
    if optimizer.dampening != 0:
        yield Problem(
            pointer="/optimizer/dampening",
            code="not_with_nesterov",
            message=f"expected no dampening with nesterov, got {optimizer.dampening:g}; take one of them out",
        )


def check_updates(spec: TrainSpec) -> Iterator[Problem]:
    """All problems of a training's optimizer."""
    yield from check_optimizer(spec.optimizer)
    if spec.optimizer.type == "lbfgs" and spec.batch_size != "full":
        yield Problem(
            pointer="/batch_size",
            code="needs_full_batch",
            message=f'expected "full", because lbfgs compares the gradients of one step and the next, '
            f'got {spec.batch_size}; write "full", or take another optimizer',
        )


def check_history(optimizer: AnyOptimizer, parameters: int) -> Iterator[Problem]:
    """Whether lbfgs keeps a bearable amount for so many parameters."""
    if optimizer.type == "lbfgs" and 2 * optimizer.history_size * parameters > MAX_HISTORY_NUMBERS:
        fits = MAX_HISTORY_NUMBERS // (2 * parameters)
        hint = f"set history_size to at most {fits}" if fits else "take another optimizer"
        yield Problem(
            pointer="/optimizer/history_size",
            code="too_much_history",
            message=f"expected at most {MAX_HISTORY_NUMBERS} numbers of history, "
            f"got {2 * optimizer.history_size * parameters}, two for each of {parameters} parameters "
            f"and each step; {hint}",
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
