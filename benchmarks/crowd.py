"""Many jobs that want more workers than there are: do all end, and how long does a short one wait?

    python -m benchmarks.crowd [JOBS]

Three workers. First JOBS (30) jobs that want four workers each, and one of a second behind them: it waits
until those before it have begun, and no longer. Then two that go on for long, which keep all three workers,
and short ones that come one by one: a helper is freed for each.
"""

import statistics
import sys
import time
from typing import Any

from benchmarks.report import environment
from benchmarks.service import finish, running
from lockstep.core.spec.job import MAX_EPOCHS
from lockstep.service.client import Client

WORKERS = 3
SHORT_JOBS = 10
PROBE_SECONDS = 0.4
SPEC: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 256},
            {"type": "relu"},
            {"type": "linear", "in": 256, "out": 256},
            {"type": "relu"},
            {"type": "linear", "in": 256, "out": 2},
        ]
    },
    "data": {"generator": "moons", "size": 2048, "noise": 0.1, "seed": 1},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.001},
    "batch_size": 512,
    "epochs": 20,
    "seed": 1,
    "shards": 4,
}


def lengthened(client: Client, spec: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The job with as many epochs as take so long on one worker, and two shards at least."""
    spec = {**spec, "workers": 1}
    shards = client.validate(spec)["spec"]["shards"]
    spec["shards"] = max(shards, 2)
    while True:
        ran = finish(client, client.create_job(spec)["id"])["timings"]["run_ms"] / 1000
        epochs = spec.get("epochs", 10)
        if ran >= PROBE_SECONDS or epochs == MAX_EPOCHS:
            return {**spec, "epochs": max(1, min(MAX_EPOCHS, round(epochs * seconds / ran)))}
        spec["epochs"] = min(MAX_EPOCHS, int(epochs * min(100, 2 * PROBE_SECONDS / ran)))


def measured(client: Client, spec: dict[str, Any], workers: int) -> tuple[float, dict[str, Any]]:
    """The seconds of a run on up to so many workers, and the job."""
    job = finish(client, client.create_job({**spec, "workers": workers})["id"])
    return job["timings"]["run_ms"] / 1000, job


def crowd(client: Client, one_second: dict[str, Any], jobs: int) -> None:
    """All at once, and a short one behind them."""
    began = time.monotonic()
    many = [client.create_job({**one_second, "workers": 4, "seed": seed})["id"] for seed in range(jobs)]
    behind = client.create_job(one_second)["id"]
    short = finish(client, behind)
    before = [client.job(job_id) for job_id in many]
    begun = max(job["started_at"] for job in before)
    ended = [finish(client, job_id) for job_id in many]
    seconds = time.monotonic() - began
    work = sum(job["timings"]["run_ms"] for job in ended) / 1000
    print(f"{len(ended)} of {jobs} jobs ended in {seconds:.1f} s; one after another they took {work:.1f} s")
    print(f"most members at once {max(job['workers']['most'] for job in ended)}")
    waited = short["timings"]["queued_ms"] / 1000
    print(f"the short one waited {waited:.1f} s; it began at {short['started_at']},")
    print(f"the last of those before it at {begun}")


def interrupted(client: Client, one_second: dict[str, Any]) -> None:
    """Two long ones that share three workers, and short ones that want one of these."""
    endless = {**one_second, "epochs": 100 * one_second["epochs"], "workers": 4}
    long = [client.create_job({**endless, "seed": seed})["id"] for seed in range(2)]
    time.sleep(5)
    waited = []
    for _ in range(SHORT_JOBS):
        shared = sum(client.job(job_id)["workers"]["active"] for job_id in long)
        job = finish(client, client.create_job(one_second)["id"], pause_seconds=0.05)
        waited.append((job["timings"]["queued_ms"] / 1000, shared))
        time.sleep(2.5)
    for job_id in long:
        client.cancel(job_id)
    held = [seconds for seconds, shared in waited if shared == WORKERS]
    print(f"short jobs that found all workers taken: {len(held)} of {len(waited)}")
    if held:
        print(f"they waited {statistics.median(held):.2f} s, at most {max(held):.2f} s")
    free = [seconds for seconds, shared in waited if shared < WORKERS]
    if free:
        print(f"the others waited {statistics.median(free):.2f} s, at most {max(free):.2f} s")


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(environment())
    with running(WORKERS) as service:
        one_second = {**lengthened(service.client, SPEC, 1.0), "workers": 1}
        print(f"a short job runs for {measured(service.client, one_second, 1)[0]:.2f} s")
        crowd(service.client, one_second, jobs)
        interrupted(service.client, one_second)


if __name__ == "__main__":
    main()
