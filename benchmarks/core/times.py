"""How long it takes to come to a step, from the start of the process: importing, compiling, and the steps."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.core.contestants import interpreter_of
from benchmarks.core.race import START_SECONDS, Result, environment

TARGETS = (10, 1_000, 100_000, 10_000_000)
PATIENCE_SECONDS = 4.0
"""Steps that take longer, by the measured rate, are not taken but reckoned."""
CONTESTANTS = ("lockstep", "torch", "jax", "jax-scan", "jax-0.4.31", "jax-0.4.31-scan")


@dataclass(frozen=True)
class Time:
    """Seconds to a step; `reckoned`: the steps after the last measured target are reckoned from the rate."""

    seconds: float
    reckoned: bool


def to_steps(result: Result, names: Sequence[str]) -> dict[str, dict[int, Time]]:
    """By contestant and step, each measured one in a process of its own, that has nothing ready.

    `result`: the race of the same workload, which says how fast each of them is.
    """
    return {name: _of(name, result) for name in names if name in result.rates and name in CONTESTANTS}


def _of(name: str, result: Result) -> dict[int, Time]:
    times: dict[int, Time] = {}
    rate = result.median(name)
    measured, seconds = 0, 0.0
    for target in TARGETS:
        if measured and target / rate > PATIENCE_SECONDS:
            times[target] = Time(seconds + (target - measured) / rate, reckoned=True)
        else:
            measured, seconds = target, _measured(name, result, target)
            times[target] = Time(seconds, reckoned=False)
    return times


def _measured(name: str, result: Result, steps: int) -> float:
    command = [str(interpreter_of(name)), "-m", "benchmarks.core.child", name]
    begin = time.perf_counter()
    with subprocess.Popen(
        [*command, result.workload.name, result.optimizer, str(steps)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            answer, _ = process.communicate(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        end = time.perf_counter()
    if process.returncode or not answer:
        raise RuntimeError(f"{name} did not come to step {steps} of {result.workload.name}")
    return end - begin


Times = Mapping[str, Mapping[str, Mapping[int, Time]]]
"""By workload, contestant and step."""
