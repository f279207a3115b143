"""How many workers a job may take: what is asked at submission, and again when a job is to be verified."""

from collections.abc import Iterator

from lockstep.core.ground.errors import Problem
from lockstep.core.spec.labels import Kind

POINTER = "/workers"


def check_shared(
    workers: int, shards: int, *, is_default: bool = False, may_change: bool = True
) -> Iterator[Problem]:
    """At most one worker for each shard of a training. `is_default`: nobody has asked for so many shards.

    `may_change`: whether `shards` is the user's to set.
    """
    if workers <= shards:
        return
    needed = 1 << (workers - 1).bit_length()
    default = " (the default for batches of this size)" if is_default else ""
    other = f'"shards" to {needed}, or ' if may_change else ""
    yield Problem(
        pointer=POINTER,
        code="too_few_shards",
        message=f"expected at most one worker for each shard, {shards}{default}, got {workers}; "
        f'set {other}"workers" to at most {shards}',
    )


def check_alone(workers: int, kind: Kind) -> Iterator[Problem]:
    """A search takes one worker."""
    if workers > 1:
        yield Problem(
            pointer=POINTER,
            code="too_many_workers",
            message=f'expected 1, because one worker does all of a job of the kind "{kind}", '
            f"got {workers}; set it to 1 or leave it out",
        )
