"""What a spec must fulfil beyond the form of each key: that its parts fit together."""

from collections.abc import Callable, Iterator

from lockstep.core.data.batches import steps_in_epoch
from lockstep.core.data.shapes import shape_of
from lockstep.core.data.split import part_sizes
from lockstep.core.ground.errors import Problem
from lockstep.core.spec.job import MAX_SHARDS, TrainSpec
from lockstep.core.submission.check_augment import check_augment
from lockstep.core.submission.check_batch_norm import check_batch_norm
from lockstep.core.submission.check_data import check_data
from lockstep.core.submission.check_model import check_model
from lockstep.core.submission.check_name import check_name
from lockstep.core.submission.check_optimizer import check_stop, check_updates
from lockstep.core.submission.check_start import check_given_start

MAX_STEPS = 100_000_000
"""Each step leaves a loss in the history, eight bytes of it."""
ROWS_PER_SHARD = 64
"""A smaller shard costs more in calls than a second worker saves."""
MOST_DEFAULT_SHARDS = 8


def check(spec: TrainSpec) -> tuple[Problem, ...]:
    """All problems of a spec whose keys are well formed; none if it can be trained."""
    parts: tuple[Callable[[TrainSpec], Iterator[Problem]], ...] = (
        check_name,
        check_model,
        check_data,
        check_augment,
        check_given_start,
        check_updates,
        check_stop,
        _check_steps,
        _check_shards,
        _check_batch_norm,
        _check_workers,
    )
    return tuple(problem for part in parts for problem in part(spec))


def training_rows(spec: TrainSpec) -> int:
    """How many rows are left to train on; below 1 where the fractions leave none."""
    return part_sizes(shape_of(spec.data).rows, spec.data).train


def default_shards(spec: TrainSpec) -> int:
    """The largest power of two that leaves ROWS_PER_SHARD rows of a batch to each shard, from 1 to 8."""
    rows = max(1, training_rows(spec))
    batch = rows if spec.batch_size == "full" else min(spec.batch_size, rows)
    shards = 1
    while shards * 2 <= min(MOST_DEFAULT_SHARDS, batch // ROWS_PER_SHARD):
        shards *= 2
    return shards


def _check_steps(spec: TrainSpec) -> Iterator[Problem]:
    steps = spec.epochs * steps_in_epoch(max(1, training_rows(spec)), spec.step_rows)
    if steps > MAX_STEPS:
        yield Problem(
            pointer="/epochs",
            code="too_many_steps",
            message=f"expected at most {MAX_STEPS} steps in all, got {steps} (epochs times batches); "
            "lower epochs or raise batch_size",
        )


def _check_shards(spec: TrainSpec) -> Iterator[Problem]:
    shards = spec.shards
    if shards is not None and shards & (shards - 1):
        below = 1 << (shards.bit_length() - 1)
        yield Problem(
            pointer="/shards",
            code="not_a_power_of_two",
            message=f"expected a power of two up to {MAX_SHARDS}, got {shards}; take {below} or {2 * below}",
        )


def _shards_of(spec: TrainSpec) -> int:
    return spec.shards or default_shards(spec)


def _check_batch_norm(spec: TrainSpec) -> Iterator[Problem]:
    yield from check_batch_norm(spec, training_rows(spec), _shards_of)


def _check_workers(spec: TrainSpec) -> Iterator[Problem]:
    shards = _shards_of(spec)
    if spec.workers <= shards:
        return
    needed = 1 << (spec.workers - 1).bit_length()
    default = "" if spec.shards else " (the default for batches of this size)"
    yield Problem(
        pointer="/workers",
        code="too_few_shards",
        message=f"expected at most one worker for each shard, {shards}{default}, got {spec.workers}; "
        f'set "shards" to {needed}, or "workers" to at most {shards}',
    )
