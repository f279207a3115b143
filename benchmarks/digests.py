"""Eight jobs of different shapes on 1, 2 and 3 workers, undisturbed and under kill -9: one digest for each.

    python -m benchmarks.digests [--kills] [JOB ...]

With --kills a random worker process is killed every one or two seconds while the job runs; a kill counts as
a hit when its victim was leading or helping at that moment.
"""

import itertools
import os
import random
import signal
import sys
import threading
import time
from typing import Any

from benchmarks.report import environment
from benchmarks.service import ALL_HELPERS, Service, finish, running

WORKERS = 3


def _layers(*widths: int, activation: str = "relu") -> dict[str, Any]:
    layers: list[dict[str, Any]] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [{"type": "linear", "in": inputs, "out": outputs}, {"type": activation}]
    return {"layers": layers[:-1]}


SGD = {"type": "sgd", "learning_rate": 0.01, "momentum": 0.9}
ADAM = {"type": "adam", "learning_rate": 0.002}
JOBS: dict[str, dict[str, Any]] = {
    "digits": {
        "model": _layers(64, 256, 128, 10),
        "data": {"builtin": "digits", "test_fraction": 0.2, "validation_fraction": 0.1, "standardize": True},
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "batch_size": 100,
        "shards": 4,
    },
    "wide digits": {
        "model": _layers(64, 1024, 512, 10),
        "data": {"builtin": "digits", "standardize": True},
        "loss": "cross_entropy",
        "optimizer": SGD,
        "batch_size": 250,
        "shards": 8,
    },
    "spiral": {
        "model": _layers(2, 64, 64, 3, activation="tanh"),
        "data": {"generator": "spiral", "size": 3001, "classes": 3, "noise": 0.05, "seed": 1},
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "batch_size": 257,
        "shards": 4,
        "dtype": "float64",
    },
    "diabetes": {
        "model": _layers(10, 128, 64, 1, activation="silu"),
        "data": {"builtin": "diabetes", "standardize": True, "validation_fraction": 0.2},
        "loss": "huber",
        "optimizer": {"type": "adam", "learning_rate": 0.0001},
        "batch_size": 61,
        "shards": 4,
    },
    "moons": {
        "model": _layers(2, 128, 128, 1, activation="elu"),
        "data": {"generator": "moons", "size": 2003, "noise": 0.2, "seed": 2, "test_fraction": 0.25},
        "loss": "binary_cross_entropy",
        "optimizer": SGD,
        "batch_size": 500,
        "shards": 8,
    },
    "images": {
        "model": {
            "layers": [
                {"type": "unflatten", "shape": [1, 8, 8]},
                {"type": "conv2d", "in": 1, "out": 8, "kernel_size": 3, "padding": 1},
                {"type": "batch_norm_2d", "num_features": 8},
                {"type": "relu"},
                {"type": "max_pool2d", "kernel_size": 2},
                {"type": "conv2d", "in": 8, "out": 16, "kernel_size": 3, "padding": 1},
                {"type": "relu"},
                {"type": "dropout", "p": 0.25},
                {"type": "flatten"},
                {"type": "linear", "in": 256, "out": 10},
            ]
        },
        "data": {"builtin": "digits", "test_fraction": 0.2, "validation_fraction": 0.1, "standardize": True},
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "batch_size": 150,
        "shards": 4,
    },
    "tokens": {
        "model": {
            "layers": [
                {"type": "embedding", "num_embeddings": 17, "embedding_dim": 4},
                {"type": "flatten"},
                {"type": "unflatten", "shape": [8, 32]},
                {"type": "lstm", "in": 32, "hidden": 16, "bidirectional": True},
                {"type": "transformer_encoder_layer", "d_model": 32, "nhead": 4, "dim_feedforward": 64},
                {"type": "flatten"},
                {"type": "linear", "in": 256, "out": 10},
            ]
        },
        "data": {"builtin": "digits", "test_fraction": 0.2},
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "batch_size": 100,
        "shards": 4,
    },
    "curve": {
        "model": {"expression": "a*sin(w*x) + b*x + c", "parameters": {"a": 1, "w": 1.2, "b": 0, "c": 0}},
        "data": {"generator": "quadratic", "size": 1001, "noise": 0.1, "seed": 3},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": 0.001},
        "batch_size": 200,
        "shards": 4,
    },
}
EPOCHS = {
    "digits": 200,
    "wide digits": 60,
    "spiral": 300,
    "diabetes": 600,
    "moons": 1000,
    "images": 180,
    "tokens": 30,
    "curve": 2000,
}
"""Of a job that takes a few seconds; under kills it takes so many times as many:"""
KILLS_FACTOR = {
    "digits": 7,
    "wide digits": 3,
    "spiral": 3,
    "diabetes": 14,
    "moons": 4,
    "images": 8,
    "tokens": 4,
    "curve": 14,
}


class Killer(threading.Thread):
    """Kills a random worker process every one or two seconds, and counts."""

    def __init__(self, service: Service, seed: int) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._random = random.Random(seed)  # noqa: S311 - whom to kill is no secret
        self._over = threading.Event()
        self.kills = 0
        self.hits = 0

    def run(self) -> None:
        while not self._over.wait(self._random.uniform(1.0, 2.0)):
            workers = self._service.client.workers()["data"]
            members = {worker["pid"] for worker in workers if worker["state"] != "idle"}
            victims = _worker_processes(self._service.pid)
            if victims:
                victim = self._random.choice(victims)
                os.kill(victim, signal.SIGKILL)
                self.kills += 1
                self.hits += bool(members & {victim, *_children(victim)})

    def stop(self) -> None:
        """End; returns when no further kill can come."""
        self._over.set()
        self.join(10)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _worker_processes(supervisor: int) -> list[int]:
    """The main processes of the workers and their pool children, by the names that they give themselves."""
    found = []
    for pid in _children(supervisor):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read()
        except OSError:
            continue
        if b"celeryd" in command or b"lockstep.worker.main" in command:
            found += [pid, *_children(pid)]
    return found


def run(service: Service, name: str, workers: int, *, kills: bool) -> str:
    """One job; prints its line and returns its digest."""
    epochs = EPOCHS[name] * (KILLS_FACTOR[name] if kills else 1)
    raw = JOBS[name] | {"epochs": epochs, "seed": 7, "workers": workers, "name": name}
    start = time.monotonic()
    job_id = service.client.create_job(raw)["id"]
    killer = Killer(service, seed=workers) if kills else None
    if killer:
        killer.start()
    try:
        job = finish(service.client, job_id)
    finally:
        if killer:
            killer.stop()
    joined = sum(event["type"] == "member_joined" for event in _events(service, job_id))
    hits = f", {killer.kills} kills, {killer.hits} hit a member" if killer else ""
    print(
        f"{name:12} {workers} workers {job['result']['steps']:7} steps {time.monotonic() - start:6.1f} s "
        f"{joined:3} joined{hits}  {job['result']['weights_sha256'][:16]}",
        flush=True,
    )
    return str(job["result"]["weights_sha256"])


def _events(service: Service, job_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    page = service.client.events(job_id, limit=100)
    while True:
        events += page["data"]
        if not page["has_more"]:
            return events
        page = service.client.events(job_id, limit=100, after=page["last_id"])


def main() -> None:
    kills = "--kills" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--kills"] or list(JOBS)
    print(environment())
    with running(workers=WORKERS, settings=ALL_HELPERS) as service:
        for name in names:
            if kills:
                digests = {_reference(service, name)}
                digests |= {run(service, name, workers, kills=True) for workers in (2, 3)}
            else:
                digests = {run(service, name, workers, kills=False) for workers in (1, 2, 3)}
            if len(digests) != 1:
                raise RuntimeError(f"{name}: the digests differ: {digests}")
    print("every job has one digest")


def _reference(service: Service, name: str) -> str:
    """The digest of the long job on one worker that nobody kills."""
    raw = JOBS[name] | {"epochs": EPOCHS[name] * KILLS_FACTOR[name], "seed": 7, "name": name}
    job = finish(service.client, service.client.create_job(raw)["id"])
    digest = str(job["result"]["weights_sha256"])
    seconds = job["timings"]["run_ms"] / 1000
    print(f"{name:12} 1 worker, undisturbed {seconds:6.1f} s  {digest[:16]}", flush=True)
    return digest


if __name__ == "__main__":
    main()
