"""The contestants of one workload: started, checked against each other, measured burst by burst in turn."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.contestants import interpreter_of, takes_part
from benchmarks.core.workloads import OptimizerName, Workload

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make NumPy's BLAS take other kernels than it takes by itself: they are not passed on."""
START_SECONDS = 120.0
"""To import, to compile, and to do the first step."""
ANSWER_SECONDS = 120.0
STOP_SECONDS = 10.0
TOLERANCE = 2e-3
"""Of the weights' way from the start, as |ours - theirs| / |ours - start|, lengths over all weights."""
TOLERANCE_OF = {"sklearn": 2e-2}
"""Its Adam adds eps before it corrects the second moment: tiny gradients move a little less."""


class Failed(RuntimeError):
    """A contestant did not answer."""


class Racer:
    """The process of one contestant."""

    def __init__(self, name: str, workload: Workload, optimizer: OptimizerName) -> None:
        self.name = name
        command = [str(interpreter_of(name)), "-m", "benchmarks.core.child", name, workload.name, optimizer]
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - `close` closes it
        self._process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, *words: object, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Tell it something and give its answer. Raises Failed."""
        assert self._process.stdin
        try:
            print(*words, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise Failed(self._last_words("has ended")) from None
        return self.answer(seconds)

    def answer(self, seconds: float) -> dict[str, Any]:
        """Its next line. Raises Failed."""
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise Failed(self._last_words("has ended" if ready else f"said nothing for {seconds:g} s"))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self, what: str) -> str:
        self._errors.seek(0)
        return f"{self.name} {what}: {self._errors.read()[-2000:].strip()}"

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def environment() -> dict[str, str]:
    """The variables of a contestant's process: one thread, and the kernels that its BLAS takes by itself."""
    return {name: value for name, value in os.environ.items() if name not in CHOICES} | ONE_THREAD


@dataclass(frozen=True, kw_only=True)
class Result:
    """Steps per second of each contestant, round by round; its first step's time and its libraries' versions;

    who failed, and why.
    """

    workload: Workload
    optimizer: OptimizerName
    rates: Mapping[str, Sequence[float]]
    first_seconds: Mapping[str, float]
    versions: Mapping[str, Mapping[str, str]]
    failures: Mapping[str, str]

    def median(self, name: str) -> float:
        """Steps per second."""
        return float(np.median(self.rates[name]))

    def ratios(self, name: str, other: str) -> np.ndarray:
        """How many times as fast `name` is as `other`, round by round: a busy machine slows both."""
        return np.divide(self.rates[name], self.rates[other])

    def ratio(self, name: str, other: str) -> float:
        """The median of `ratios`."""
        return float(np.median(self.ratios(name, other)))


def run(
    workload: Workload, optimizer: OptimizerName, names: Sequence[str], rounds: int, seconds: float
) -> Result:
    """Measure `rounds` bursts of `seconds` of each contestant in turn, to and fro. The first is ours.

    Raises RuntimeError where ours fails, or where another computes something else.
    """
    failures: dict[str, str] = {}
    first: dict[str, float] = {}
    versions: dict[str, dict[str, str]] = {}
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockstep-bench-")))
        racers: list[Racer] = []
        weights: dict[str, dict[str, np.ndarray]] = {}
        for name in names:
            if not takes_part(name, workload):
                continue
            racer = Racer(name, workload, optimizer)
            stack.callback(racer.close)
            path = folder / f"{name}.npz"
            try:
                versions[name] = racer.answer(START_SECONDS)["versions"]
                first[name] = racer.ask("first")["seconds"]
                racer.ask("check", path)
            except Failed as error:
                failures[name] = str(error)
                continue
            racers.append(racer)
            with np.load(path, allow_pickle=False) as arrays:
                weights[name] = dict(arrays)
        _compare(workload, weights, failures)
        for number in range(rounds):
            for racer in racers if number % 2 else racers[::-1]:
                try:
                    answer = racer.ask("burst", seconds)
                except Failed as error:
                    failures[racer.name] = str(error)
                    rates.pop(racer.name, None)
                    continue
                rates.setdefault(racer.name, []).append(answer["steps"] / answer["seconds"])
            racers = [racer for racer in racers if racer.name not in failures]
    return Result(
        workload=workload,
        optimizer=optimizer,
        rates=rates,
        first_seconds=first,
        versions=versions,
        failures=failures,
    )


def _compare(
    workload: Workload, weights: Mapping[str, Mapping[str, np.ndarray]], failures: Mapping[str, str]
) -> None:
    """Every contestant that learns must have gone the same way from the start."""
    ours = next(iter(weights), "")
    if not ours.startswith("lockstep"):
        raise RuntimeError("; ".join(failures.values()))
    start = workload.weights()
    way = _length({name: weights[ours][name] - start[name] for name in start})
    for name, theirs in weights.items():
        if not theirs:
            continue
        apart = _length({key: weights[ours][key] - theirs[key] for key in start}) / way
        if not apart <= TOLERANCE_OF.get(name, TOLERANCE):
            raise RuntimeError(
                f"{workload.name}: expected the same weights from {ours} and {name}, got |Δ| = {apart:.2g} "
                "of the way from the start"
            )


def _length(arrays: Mapping[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=np.float64)) for array in arrays.values())))


def first_steps(workload: Workload) -> dict[str, float]:
    """The milliseconds of `ours.first_step_ms`, in a process of its own."""
    script = (
        "import json; from benchmarks.core.ours import first_step_ms;"
        "from benchmarks.core.workloads import WORKLOADS;"
        f"print(json.dumps(first_step_ms(WORKLOADS[{workload.name!r}])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=START_SECONDS,
    )
    medians: dict[str, float] = json.loads(done.stdout)
    return medians
