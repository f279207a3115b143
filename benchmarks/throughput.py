"""Steps per second of a 784-256-128-10 network, batch 128: the bare core, one worker, two workers.

    python -m benchmarks.throughput [ROUNDS]

The bare core is `core.learning.training.Training` alone in this process, one BLAS thread, on the same job.
The digests of all three must agree. A job's time is its `run_ms`: from its claim to its end, with all that
it writes.
"""

import os
import statistics
import sys
import time
from typing import Any

from benchmarks.report import environment
from benchmarks.service import ALL_HELPERS, Service, finish, running

STEPS = 8000
ROWS = 512
LAYERS = [
    {"type": "linear", "in": 784, "out": 256},
    {"type": "relu"},
    {"type": "linear", "in": 256, "out": 128},
    {"type": "relu"},
    {"type": "linear", "in": 128, "out": 10},
]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def spec() -> dict[str, Any]:
    """The job: as many rows as four batches, a rate so small that the numbers stay ordinary."""
    import numpy as np

    random = np.random.default_rng(0)
    return {
        "model": {"layers": LAYERS},
        "data": {
            "inline": {
                "x": np.round(random.normal(size=(ROWS, 784)), 3).tolist(),
                "y": random.integers(0, 10, ROWS).tolist(),
            }
        },
        "loss": "cross_entropy",
        "optimizer": {"type": "sgd", "learning_rate": 0.001},
        "batch_size": 128,
        "epochs": STEPS * 128 // ROWS,
        "seed": 1,
    }


def bare(raw: dict[str, Any]) -> tuple[float, str]:
    """Steps per second and digest of the core alone."""
    from lockstep.core.group.solo import SoloGroup
    from lockstep.core.learning.loading import load_dataset
    from lockstep.core.learning.training import Training
    from lockstep.core.submission import parse_spec, resolve

    parsed = resolve(parse_spec(raw), lambda: 1)
    training = Training(parsed, load_dataset(parsed), SoloGroup())
    start = time.perf_counter()
    while not training.finished:
        training.advance(100)
    return training.step / (time.perf_counter() - start), training.outcome().weights_sha256


def served(service: Service, raw: dict[str, Any], workers: int) -> tuple[float, str]:
    """Steps per second and digest of a job on so many workers."""
    job = service.client.create_job(raw | {"workers": workers})
    job = finish(service.client, job["id"], pause_seconds=0.5)
    return job["result"]["steps"] / job["timings"]["run_ms"] * 1000, job["result"]["weights_sha256"]


def main() -> None:
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # The number of threads counts only if it is set before NumPy is imported.
        command = [sys.executable, "-m", "benchmarks.throughput", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | ONE_THREAD)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    raw = spec()
    rates: dict[str, list[float]] = {"bare core": [], "one worker": [], "two workers": []}
    with running(workers=2, settings=ALL_HELPERS) as service:
        for _ in range(rounds):
            results = [bare(raw), served(service, raw, 1), served(service, raw, 2)]
            if len({digest for _, digest in results}) != 1:
                raise RuntimeError(f"the digests differ: {results}")
            for name, (rate, _) in zip(rates, results, strict=True):
                rates[name].append(rate)
    print(environment())
    print(f"784-256-128-10, batch 128, sgd, {STEPS} steps, {rounds} rounds, one digest")
    reference = statistics.median(rates["bare core"])
    for name, values in rates.items():
        median = statistics.median(values)
        span = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{name:12} {median:7.0f} steps/s ({span}), {median / reference:.3f} of the bare core")


if __name__ == "__main__":
    main()
