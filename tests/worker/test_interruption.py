"""An attempt is heard amid a long step or evaluation, and goes on elsewhere to the same bits."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lockstep.core.ground.failpoints import at_failpoints
from lockstep.core.group.leaving import DISMISSED
from lockstep.core.learning import evaluation
from lockstep.service.store import endings, events
from lockstep.worker import drive
from lockstep.worker.attempt import lead_job
from tests.worker.bench import MOONS, Bench, digest
from tests.worker.test_helping import WAIT_SECONDS, Helper, wait_until

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


class SlowFromTheNext:
    """Once it is `armed`, parts take longer from the beginning of a step on; `began` tells of the first."""

    def __init__(self) -> None:
        self.armed = False
        self.began = threading.Event()
        self._is_slow = False

    def __call__(self, name: str) -> None:
        self._is_slow = self._is_slow or (self.armed and name == drive.BEGINS.name)
        if self._is_slow and name == drive.AMID.name:
            self.began.set()
            time.sleep(5 * PART_SECONDS)


def test_a_helper_leaves_amid_a_step_for_a_job_that_waits(prompt: Bench) -> None:
    bench = prompt.taking("all")
    raw = JOBS["accumulating"] | {"epochs": 40}
    bench.submit(raw)
    undisturbed = bench.lead()
    slow, stop = SlowFromTheNext(), threading.Event()
    at_failpoints(slow)
    try:
        job_id = bench.submit(raw, workers=2)
        lead = threading.Thread(target=lambda: bench.lead("l", stop.is_set), daemon=True)
        helper = Helper(bench, "b")
        lead.start()
        helper.start()
        wait_until(lambda: bench.job(job_id).workers_active == 2)
        slow.armed = True
        assert slow.began.wait(WAIT_SECONDS)
        bench.submit(MOONS)
        assert helper.end()
    finally:
        stop.set()
        lead.join(WAIT_SECONDS)
        at_failpoints(None)

    with bench.database.read() as tx:
        left = [each.data["reason"] for each in events.list_events(tx, job_id) if each.type == "member_left"]
    assert left == [DISMISSED]
    while not bench.job(job_id).is_terminal:
        bench.lead("c")
    assert digest(bench.job(job_id)) == digest(undisturbed)


def test_a_pause_is_heard_amid_a_step(prompt: Bench, slowed: Slowed) -> None:
    at_failpoints(None)
    prompt.submit(JOBS["accumulating"])
    undisturbed = prompt.lead()
    at_failpoints(slowed)
    job_id = prompt.submit(JOBS["accumulating"])

    def pause() -> bool:
        if slowed.asked.is_set() and prompt.job(job_id).status == "running":
            with prompt.database.write() as tx:
                endings.request(tx, "pause", job_id, None)
        return False

    job = prompt.lead(draining=pause)

    assert slowed.parts < MIN_PARTS
    assert (job.status, job.step) == ("paused", 0)
    with prompt.database.write() as tx:
        endings.request(tx, "resume", job_id, None)
    at_failpoints(None)
    assert digest(prompt.lead("b")) == digest(undisturbed)
