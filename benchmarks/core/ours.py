"""Lockstep, through what its worker drives: Training.advance with a group of one."""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np

from benchmarks.core.workloads import TINY_RATES, OptimizerName, Workload
from lockstep.core.data.dataset import Dataset
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve


class Ours:
    """One job, taken up again from its start where it ends."""

    chunk = 1

    def __init__(self, workload: Workload, optimizer: OptimizerName, shards: int) -> None:
        self._workload = workload
        self._optimizer = optimizer
        self._shards = shards
        self._dataset: Dataset | None = None
        self._rate = TINY_RATES[optimizer]

    def start(self, rate: float) -> None:
        """See Contestant."""
        self._rate = rate
        raw = self._workload.spec(self._optimizer, rate, self._shards)
        spec = resolve(parse_spec(raw), lambda: 1)
        if self._dataset is None:
            self._dataset = load_dataset(spec)
        self._training = Training(spec, self._dataset, SoloGroup(), start=self._workload.weights())

    def steps(self, count: int) -> None:
        """See Contestant."""
        while count:
            if self._training.finished:
                self.start(self._rate)
            report = self._training.advance(count)
            if report.failure is not None:
                raise RuntimeError(f"expected {count} more steps, got {report}")
            count -= report.step - report.first_step

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Contestant."""
        return self._training.outcome().weights


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> Ours:
    """The variant is the number of shards."""
    return Ours(workload, optimizer, int(variant) if variant.isdecimal() else 1)


def first_step_ms(workload: Workload, times: int = 9) -> dict[str, float]:
    """Medians over `times` jobs in one process, as on a worker, of the parts of a job up to its first update.

    `data` is what the rows take, which come as numbers in the spec; `spec` and `model` all else before the
    first step, `step` this step.
    """
    raw = workload.spec("sgd", TINY_RATES["sgd"])
    without_data = raw | {"data": {"inline": {"x": [[0.0] * workload.columns] * 2, "y": [0, 0]}}}
    parts: dict[str, list[float]] = {"spec": [], "data": [], "model": [], "step": []}
    for _ in range(times):
        clock = [time.perf_counter()]
        resolve(parse_spec(without_data), lambda: 1)
        clock.append(time.perf_counter())
        spec = resolve(parse_spec(raw), lambda: 1)
        dataset = load_dataset(spec)
        clock.append(time.perf_counter())
        training = Training(spec, dataset, SoloGroup())
        clock.append(time.perf_counter())
        training.advance(1)
        clock.append(time.perf_counter())
        for part, begin, end in zip(parts.values(), clock, clock[1:], strict=False):
            part.append((end - begin) * 1000)
    medians = {name: median(values) for name, values in parts.items()}
    medians["data"] -= medians["spec"]
    return medians
