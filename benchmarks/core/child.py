"""One contestant in a process of its own, that does what it is told, line by line, and answers in JSON.

    python -m benchmarks.core.child NAME WORKLOAD OPTIMIZER [STEPS]

With STEPS it takes so many steps, says so and ends. Else: `check PATH` takes a few steps at an ordinary rate
and puts the weights there; `first` tells how long it took from its making to its first step; `burst SECONDS`
trains for about so long and tells steps and seconds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.core import workloads
from benchmarks.core.contestants import Contestant, library_of, make
from benchmarks.core.workloads import CHECK_RATES, CHECK_STEPS, TINY_RATES
from benchmarks.versions import versions_of

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn")
WARM_SHARE = 0.2
"""The part of a burst that goes before the measured one: the caches are full of another's numbers."""


class Child:
    """A contestant and what it can be told."""

    def __init__(self, name: str, workload: str, optimizer: workloads.OptimizerName) -> None:
        self._optimizer = optimizer
        library_of(name)
        begin = time.perf_counter()
        self._contestant: Contestant = make(name, workloads.WORKLOADS[workload], optimizer)
        self._contestant.start(CHECK_RATES[optimizer])
        self._contestant.steps(1)
        self._first_seconds = time.perf_counter() - begin
        self._seconds_per_step = 0.0

    def first(self) -> dict[str, Any]:
        """How long from its making, its library being imported, to the end of the first step."""
        return {"seconds": self._first_seconds}

    def check(self, path: str) -> dict[str, Any]:
        """A few steps at an ordinary rate; then turn to the tiny rate and warm up."""
        self._contestant.start(CHECK_RATES[self._optimizer])
        self._contestant.steps(CHECK_STEPS)
        with open(path, "wb") as file:
            np.savez(file, allow_pickle=False, **self._contestant.weights())
        self._contestant.start(TINY_RATES[self._optimizer])
        self.burst("0.1")
        return {}

    def burst(self, seconds: str) -> dict[str, Any]:
        """Train for about so long; what goes before is not counted."""
        wanted = float(seconds)
        self._take(wanted * WARM_SHARE)
        steps, elapsed = self._take(wanted)
        return {"steps": steps, "seconds": elapsed}

    def _take(self, seconds: float) -> tuple[int, float]:
        """As many steps as are thought to take so long, in few calls: the clock is read seldom."""
        done, elapsed, chunk = 0, 0.0, self._contestant.chunk
        while elapsed < seconds:
            left = seconds - elapsed
            count = int(left / self._seconds_per_step) if self._seconds_per_step else 1
            count = max(1, count // chunk) * chunk
            begin = time.perf_counter()
            self._contestant.steps(count)
            took = time.perf_counter() - begin
            # A first guess from few steps is too high: it shrinks by half at most.
            self._seconds_per_step = max(took / count, self._seconds_per_step / 2)
            done, elapsed = done + count, elapsed + took
        return done, elapsed


def reach(name: str, workload: str, optimizer: workloads.OptimizerName, steps: int) -> None:
    """Start and take so many steps."""
    contestant = make(name, workloads.WORKLOADS[workload], optimizer)
    contestant.start(TINY_RATES[optimizer])
    contestant.steps(steps)
    print(json.dumps({"steps": steps}), flush=True)


def main() -> None:
    name, workload, given, *steps = sys.argv[1:]
    optimizer: workloads.OptimizerName = "adam" if given == "adam" else "sgd"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if steps:
        reach(name, workload, optimizer, int(steps[0]))
        return
    child = Child(name, workload, optimizer)
    print(json.dumps({"versions": versions_of(PACKAGES)}), flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        answers: dict[str, Callable[..., dict[str, Any]]] = {
            "burst": child.burst,
            "check": child.check,
            "first": child.first,
        }
        print(json.dumps(answers[word](*rest)), flush=True)


if __name__ == "__main__":
    main()
