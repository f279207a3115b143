"""Jobs whose records are damaged, each in one way, for tests of the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lockstep.core.model.encoding import to_safetensors
from lockstep.service.store import (
    endings,
    history,
    weights,
)
from lockstep.service.store.database import Database
from lockstep.service.store.leases import JobFence
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import MAX_INLINE_IN_ROW
from tests.damages import Harm, harm
from tests.stored_jobs import (
    NEW,
    RESULT,
    claim,
    fenced,
    keep_spec,
    points,
    queue_job,
)

MANY = MAX_INLINE_IN_ROW // 32
"""So many thirds have more digits than a row holds; few numbers, for each is read many times."""


def inline_spec(number: int) -> str:
    """A spec with more inline data than its row holds, other data for each number."""
    data = {"inline": {"x": [number + 1 / 3] * MANY, "y": [1 / 3] * MANY}}
    return json.dumps({"kind": "train", "data": data})


def inline(database: Database, number: int) -> NewJob:
    """A job of that spec."""
    spec = keep_spec(database, inline_spec(number))
    return replace(NEW, spec=spec, metadata={"team": "a"}, workers=2)


def damaged_jobs(
    database: Database, kinds: Sequence[Harm], prepare: Callable[[int], str]
) -> Iterator[tuple[Harm, str]]:
    """A job for each kind of damage, damaged so; all are made before the first is."""
    ids = [prepare(number) for number in range(len(kinds))]
    for damage, job_id in zip(kinds, ids, strict=True):
        harm(database, damage, job_id)
    yield from zip(kinds, ids, strict=True)


def queued(database: Database) -> Callable[[int], str]:
    return lambda number: queue_job(database, inline(database, number)).id


def finished(database: Database, number: int) -> str:
    """A job that has succeeded, with all that a worker writes."""
    queue_job(database, inline(database, number))
    held = claim(database)
    arrays = {"a": points(0, 1.0, float(number)).values}

    def finish(fence: JobFence) -> None:
        history.append(fence, {"loss": points(0, 3.0, 2.0, 1.0)})
        weights.save(fence, to_safetensors(arrays), '{"mean": [0.0], "scale": [1.0]}')
        endings.succeed(fence, RESULT)

    fenced(database, held, finish)
    return held.job_id
