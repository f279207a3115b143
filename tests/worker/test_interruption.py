"""An attempt is heard amid a long step or evaluation, and goes on elsewhere to the same bits."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lockstep.core.ground.failpoints import at_failpoints
from lockstep.core.learning import evaluation
from lockstep.service.store import endings
from lockstep.worker import drive
from lockstep.worker.attempt import lead_job
from tests.worker.bench import MOONS, Bench, digest

pytestmark = pytest.mark.timeout(120)

PART_SECONDS = 0.01
MIN_PARTS = 500
"""Of a step, or of an evaluation: each part takes PART_SECONDS longer than it would."""
LAYERS: list[dict[str, Any]] = [
    {"type": "linear", "in": 2, "out": 64},
    {"type": "batch_norm_1d", "num_features": 64},
    {"type": "relu"},
    {"type": "dropout", "p": 0.2},
    {"type": "linear", "in": 64, "out": 2},
]
LARGE: dict[str, Any] = MOONS["data"] | {"size": 10_000}
JOBS: dict[str, dict[str, Any]] = {
    "accumulating": MOONS
    | {
        "model": {"layers": LAYERS},
        "data": LARGE,
        "batch_size": 4000,
        "accumulate": 500,
        "shards": 2,
        "epochs": 2,
    },
    "lbfgs": MOONS
    | {
        "data": LARGE,
        "optimizer": {"type": "lbfgs"},
        "batch_size": "full",
        "accumulate": 250,
        "shards": 4,
        "epochs": 3,
    },
}
EVALUATING = MOONS | {
    "data": MOONS["data"] | {"size": 150_000, "validation_fraction": 0.9},
    "model": {"layers": LAYERS},
    "shards": 1,
    "batch_size": 5000,
    "epochs": 2,
}
"""A part to validate on of 528 chunks; in its steps, of one shard, nobody is asked."""


class Slowed:
    """What happens between two parts: each takes longer. `asked`: one was reached, `parts`: how many."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.parts = 0

    def __call__(self, name: str) -> None:
        if name == drive.AMID.name:
            self.asked.set()
            self.parts += 1
            time.sleep(PART_SECONDS)


@pytest.fixture
def slowed() -> Iterator[Slowed]:
    slowed = Slowed()
    at_failpoints(slowed)
    yield slowed
    at_failpoints(None)


@pytest.fixture
def all_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(evaluation, "LONG_BESIDE_STATE", 0.0)


@pytest.fixture
def prompt(bench: Bench) -> Bench:
    """Its leads hear of a cancel soon."""
    return Bench(database=bench.database, settings=bench.settings.model_copy(update={"renew_seconds": 0.1}))


@pytest.mark.usefixtures("all_long")
@pytest.mark.parametrize("raw", [*JOBS.values(), EVALUATING], ids=[*JOBS, "evaluating"])
def test_a_drained_worker_leaves_amid_a_step(prompt: Bench, raw: dict[str, Any], slowed: Slowed) -> None:
    at_failpoints(None)
    prompt.submit(raw)
    undisturbed = prompt.lead("u")
    at_failpoints(slowed)
    job_id = prompt.submit(raw)

    job = prompt.lead(draining=slowed.asked.is_set)

    assert slowed.parts < MIN_PARTS
    assert (job.status, job.status_reason, job.attempt) == ("queued", "worker_drained", 2)
    at_failpoints(None)
    assert digest(prompt.lead("b")) == digest(undisturbed)
    mine, other = prompt.history(job_id), prompt.history(undisturbed.id)
    assert {name: points.values.tolist() for name, points in mine.items()} == {
        name: points.values.tolist() for name, points in other.items()
    }


@pytest.mark.parametrize("name", JOBS)
def test_a_cancel_is_heard_amid_a_step(prompt: Bench, name: str, slowed: Slowed) -> None:
    job_id = prompt.submit(JOBS[name])

    def cancel() -> bool:
        if slowed.asked.is_set() and prompt.job(job_id).status == "running":
            with prompt.database.write() as tx:
                endings.request(tx, "cancel", job_id, None)
        return False

    job = prompt.lead(draining=cancel)

    assert slowed.parts < MIN_PARTS
    assert (job.status, job.step) == ("cancelled", 0)


def test_a_lost_lease_is_noticed_amid_a_step(prompt: Bench, slowed: Slowed) -> None:
    prompt.submit(JOBS["accumulating"])
    lease = prompt.claim("a")
    evicted = threading.Event()

    def evict() -> bool:
        if slowed.asked.is_set() and not evicted.is_set():
            evicted.set()
            prompt.evict("a")
        return False

    lead_job(lease, prompt.tools("a"), evict)

    assert slowed.parts < MIN_PARTS
    assert prompt.job(lease.claim.job_id).status == "queued"
