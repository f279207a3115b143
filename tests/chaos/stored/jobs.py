"""Jobs at rest, each in a database of its own that rounds copy, and how each ends when nothing is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.core.learning.report import Points
from lockstep.service.settings import Settings
from lockstep.service.store import endings, replays, weights
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import migrate
from lockstep.service.store.replays import Asked
from lockstep.worker.replaying import answer_replay
from tests.worker.bench import LINE, MOONS, Bench, never
from tests.worker.test_attempt import After

LEASE = Settings(database_url="sqlite:///unused", lease_seconds=60.0)
DRAINS = 3
MANY = 6000
"""Rows of inline data that are more than a job's row holds."""


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A job at rest in the file at `path`.

    `ended`: whether it is over; else it goes on from its checkpoints. `result`, `history` and `weights` are
    those of its undamaged end; `answer` is what was found of its step 0, where somebody asked.
    """

    path: Path
    job_id: str
    ended: bool
    result: Mapping[str, Any] | None
    history: Mapping[str, Points]
    weights: bytes
    answer: bytes | None = None


@contextmanager
def worker_on(path: Path) -> Iterator[Bench]:
    """A worker on the database in a file."""
    database = Database(f"sqlite:///{path}")
    try:
        yield Bench(database=database, settings=LEASE)
    finally:
        database.dispose()


def prepare(folder: Path) -> dict[str, Rest]:
    """All kinds of jobs at rest."""
    empty = folder / "empty.db"
    migrate(f"sqlite:///{empty}")
    large = {"inline": {"x": [number / MANY for number in range(MANY)], "y": [1 / 3] * MANY}}
    made: dict[str, tuple[dict[str, Any], Callable[[Bench, str], None]]] = {
        "drained": (MOONS, _drain),
        "drained, data in its row": (LINE, _drain),
        "drained, data in a blob": (LINE | {"data": large, "epochs": 60, "batch_size": 1000}, _drain),
        "succeeded and asked about": (MOONS, _succeed),
        "cancelled": (MOONS, _cancel),
    }
    return {
        name: _rest(empty, folder / f"{place}.db", *how) for place, (name, how) in enumerate(made.items())
    }


def copy(rest: Rest, target: Path) -> None:
    """A copy of its database at `target`."""
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(rest.path, target)


def learned(bench: Bench, job_id: str) -> bytes:
    """Its weights as stored."""
    with bench.database.read() as tx:
        return weights.load(tx, job_id).safetensors


def answered(bench: Bench, job_id: str) -> bytes | None:
    """What was found of its step 0, where somebody asked and it is known."""
    with bench.database.read() as tx:
        found = replays.find(tx, Asked(job_id=job_id, question="gradients", step=0))
        return (
            None if found is None or found.result_sha256 is None else replays.answer(tx, found.result_sha256)
        )


def _rest(empty: Path, path: Path, spec: dict[str, Any], bring: Callable[[Bench, str], None]) -> Rest:
    shutil.copyfile(empty, path)
    with worker_on(path) as bench:
        job_id = bench.submit(spec)
        bring(bench, job_id)
        ended = bench.job(job_id).is_terminal
    end = path.with_suffix(".end")
    shutil.copyfile(path, end)
    with worker_on(end) as bench:
        job = bench.job(job_id) if ended else bench.lead()
        assert ended or job.status == "succeeded", job.error
        return Rest(
            path=path,
            job_id=job_id,
            ended=ended,
            result=job.result,
            history=bench.history(job_id),
            weights=learned(bench, job_id),
            answer=answered(bench, job_id),
        )


def _drain(bench: Bench, job_id: str) -> None:
    for _ in range(DRAINS):
        assert bench.lead(draining=After(2, lambda: True)).status == "queued", job_id


def _succeed(bench: Bench, job_id: str) -> None:
    assert bench.lead().status == "succeeded"
    with bench.database.write() as tx:
        replays.ask(tx, Asked(job_id=job_id, question="gradients", step=0))
    assert answer_replay(bench.question(), bench.tools(), never)


def _cancel(bench: Bench, job_id: str) -> None:
    _drain(bench, job_id)
    with bench.database.write() as tx:
        endings.request(tx, "cancel", job_id, None)
