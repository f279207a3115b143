"""What a spec must fulfil beyond the form of each key: that its parts fit together."""

from collections.abc import Iterator
from itertools import chain

from lockstep.core.data.batches import steps_in_epoch
from lockstep.core.ground.errors import Problem
from lockstep.core.spec.job import MAX_SHARDS, TrainSpec
from lockstep.core.submission.check_augment import check_augment
from lockstep.core.submission.check_batch_norm import check_batch_norm
from lockstep.core.submission.check_data import check_data
from lockstep.core.submission.check_kept import check_kept
from lockstep.core.submission.check_model import check_model
from lockstep.core.submission.check_name import check_name
from lockstep.core.submission.check_optimizer import check_stop, check_updates
from lockstep.core.submission.check_start import check_given_start
from lockstep.core.submission.check_workers import check_shared
from lockstep.core.submission.facts import Facts

MAX_STEPS = 100_000_000
"""Each step leaves a loss in the history, eight bytes of it."""
ROWS_PER_SHARD = 64
"""A smaller shard costs more in calls than a second worker saves."""
MAX_DEFAULT_SHARDS = 8


def check(spec: TrainSpec, facts: Facts | None = None) -> tuple[Problem, ...]:
    """All problems of a spec whose keys are well formed; none if it can be trained."""
    facts = facts or Facts.of(spec)
    found = chain(
        check_name(spec),
        check_model(spec, facts),
        check_data(spec, facts),
        check_augment(spec, facts),
        check_given_start(spec),
        check_updates(spec),
        check_stop(spec),
        _check_steps(spec, facts),
        _check_kept(spec, facts),
        _check_shards(spec),
        check_batch_norm(spec, facts, lambda other: _shards_of(other, facts)),
        _check_workers(spec, facts),
    )
    return tuple(found)


def default_shards(spec: TrainSpec, facts: Facts) -> int:
    """The largest power of two that leaves ROWS_PER_SHARD rows of a batch to each shard, from 1 to 8."""
    rows = max(1, facts.parts.train)
    batch = rows if spec.batch_size == "full" else min(spec.batch_size, rows)
    shards = 1
    while shards * 2 <= min(MAX_DEFAULT_SHARDS, batch // ROWS_PER_SHARD):
        shards *= 2
    return shards


def _check_steps(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    steps = _most_steps(spec, facts)
    if steps > MAX_STEPS:
        yield Problem(
            pointer="/epochs",
            code="too_many_steps",
            message=f"expected at most {MAX_STEPS} steps in all, got {steps} (epochs times batches); "
            "lower epochs or raise batch_size",
        )


def _check_kept(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    validates = bool(spec.data.validation_fraction)
    yield from check_kept(spec.checkpoints, _most_steps(spec, facts), validates=validates)


def _most_steps(spec: TrainSpec, facts: Facts) -> int:
    return spec.epochs * steps_in_epoch(max(1, facts.parts.train), spec.step_rows)


def _check_shards(spec: TrainSpec) -> Iterator[Problem]:
    shards = spec.shards
    if shards is not None and shards & (shards - 1):
        below = 1 << (shards.bit_length() - 1)
        yield Problem(
            pointer="/shards",
            code="not_a_power_of_two",
            message=f"expected a power of two up to {MAX_SHARDS}, got {shards}; take {below} or {2 * below}",
        )


def _shards_of(spec: TrainSpec, facts: Facts) -> int:
    return spec.shards or default_shards(spec, facts)


def _check_workers(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    if spec.workers != "auto":
        yield from check_shared(spec.workers, _shards_of(spec, facts), is_default=not spec.shards)
