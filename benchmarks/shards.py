"""What a job's shards cost on one worker: steps of several shards beside those of one.

    python -m benchmarks.shards [NAME ...] [--bursts N]

Each net is trained by plain gradient descent with 1, 2, 4 and 8 shards, in bursts that take turns; the
figures are medians as multiples of the time with one shard. `together`: as a worker computes them; `one by
one`: each shard through its own plan. First both are trained for some steps, and have to come to one digest.
`probes`: how much longer the first step takes together: here the plan for all shards is built in it, and its
probes run, which a job does later (core/engine/fast/patience.py).
Times are the thread's own on the processor, so that whoever else is there disturbs less.

Other kernels: OPENBLAS_CORETYPE=Haswell NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR".
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.core.workloads import TINY_RATES, WORKLOADS
from benchmarks.report import environment
from lockstep.core.data.dataset import Dataset
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
NETS = ("digits", "mlp784", "mlp1024", "cnn", "transformer")
SHARDS = (2, 4, 8)
CHECKED_STEPS = 20
BURST_SECONDS = 0.03
MILLION = 10**6


def spec_of(name: str, shards: int) -> dict[str, Any]:
    """The job: one of benchmarks.core's, or a transformer layer on 32 sequences of 32 places."""
    if name in WORKLOADS:
        raw = WORKLOADS[name].spec("sgd", TINY_RATES["sgd"], shards)
        return raw | {"epochs": MILLION}
    random = np.random.default_rng(0)
    layer = {"type": "transformer_encoder_layer", "d_model": 64, "nhead": 4, "dim_feedforward": 128}
    return {
        "model": {
            "layers": [
                {"type": "unflatten", "shape": [32, 64]},
                layer,
                {"type": "flatten"},
                {"type": "linear", "in": 2048, "out": 10},
            ]
        },
        "data": {
            "inline": {
                "x": random.standard_normal((32, 2048)).round(3).tolist(),
                "y": random.integers(0, 10, 32).tolist(),
            }
        },
        "loss": "cross_entropy",
        "optimizer": {"type": "sgd", "learning_rate": TINY_RATES["sgd"]},
        "epochs": MILLION,
        "batch_size": "full",
        "dtype": "float32",
        "seed": 1,
        "shards": shards,
    }


class Runner:
    """One training, whose shards go together or one by one."""

    def __init__(self, name: str, shards: int, *, together: bool, data: Mapping[str, Dataset]) -> None:
        self._together = together
        spec = resolve(parse_spec(spec_of(name, shards)), lambda: 1)
        dataset = data.get(name) or load_dataset(spec)
        self._training = Training(spec, dataset, SoloGroup())
        self.dataset = dataset
        self.first_step = self.seconds(1)
        self.times: list[float] = []

    def _way(self) -> AbstractContextManager[object]:
        if self._together:
            return patch("lockstep.core.engine.fast.patience.PATIENCE", -1)
        return patch("lockstep.core.engine.fast.patience.all_together", lambda *_: None)

    def seconds(self, steps: int) -> float:
        """How long so many steps take."""
        with self._way():
            start = time.thread_time()
            while steps:
                report = self._training.advance(steps)
                if report.failure is not None or self._training.finished:
                    raise RuntimeError(f"expected {steps} more steps, got {report}")
                steps -= report.step - report.first_step
            return time.thread_time() - start

    def digest(self) -> bytes:
        """All weights."""
        return self._training.parameters.flat.tobytes()


def race(name: str, bursts: int) -> None:
    """Print a net's row for each number of shards."""
    data: dict[str, Dataset] = {}
    one = Runner(name, 1, together=True, data=data)
    data[name] = one.dataset
    pairs = {
        shards: [Runner(name, shards, together=way, data=data) for way in (True, False)] for shards in SHARDS
    }
    for shards, pair in pairs.items():
        for runner in pair:
            runner.seconds(CHECKED_STEPS)
        if len({runner.digest() for runner in pair}) > 1:
            raise SystemExit(f"{name}: {shards} shards together have other bits than one by one")
    one.seconds(CHECKED_STEPS)
    steps = max(2, int(BURST_SECONDS / (one.seconds(10) / 10)))
    everybody = [one, *(runner for pair in pairs.values() for runner in pair)]
    for _ in range(bursts):
        for runner in everybody:
            runner.times.append(runner.seconds(steps) / steps)
    base = median(one.times)
    for shards, (together, apart) in pairs.items():
        print(
            f"| {name} | {base * 1e6:,.0f} | {shards} | {median(together.times) / base:.2f} "
            f"| {median(apart.times) / base:.2f} | {(together.first_step - apart.first_step) * 1e3:.0f} |",
            flush=True,
        )


def main(given: Sequence[str]) -> None:
    """Print the table."""
    if any(os.environ.get(name) != number for name, number in ONE_THREAD.items()):
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.shards", *given], os.environ | ONE_THREAD
        )
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards")
    parser.add_argument("nets", nargs="*", choices=(*NETS, []), default=NETS)
    parser.add_argument("--bursts", type=int, default=15)
    wanted = parser.parse_args(given)
    print(f"{environment()}, kernels {blas_core()}, medians of {wanted.bursts} bursts\n")
    print("| net | µs, 1 shard | shards | together | one by one | probes, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in wanted.nets or NETS:
        race(name, wanted.bursts)


if __name__ == "__main__":
    main(sys.argv[1:])
