"""The figures as Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.core.aims import OURS, fastest_of
from benchmarks.core.contestants import FAMILIES, PEERS
from benchmarks.core.race import Result
from benchmarks.core.times import TARGETS, Time, Times
from benchmarks.core.workloads import Workload


def machine(results: Sequence[Result], core: str) -> str:
    """Processor, cores, the kernels of NumPy's BLAS, and the versions that the contestants have told."""
    environments: list[str] = []
    for result in results:
        for versions in result.versions.values():
            line = ", ".join(f"{package} {number}" for package, number in versions.items())
            environments += [] if line in environments else [line]
    return (
        f"{processor()}, {os.cpu_count()} cores, one thread each. OpenBLAS's kernels for {core}. "
        f"Python {platform.python_version()}; {'; and '.join(environments)}"
    )


def processor() -> str:
    """Its name, as it gives it itself."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _ratio(result: Result, name: str, other: str) -> str:
    if name not in result.rates or other not in result.rates:
        return "–"
    ratios = result.ratios(name, other)
    low, high = np.percentile(ratios, [25, 75])
    return f"{np.median(ratios):.3g} ({low:.3g} to {high:.3g})"


def summary(results: Sequence[Result]) -> str:
    """Ours in proportion to the floor, to PyTorch and to whoever is the fastest."""
    heads = ["workload", "optimizer", "steps/s", "of the floor", "× torch eager", "× the fastest", "which is"]
    rows = []
    for result in results:
        peer = fastest_of(result, PEERS)
        rows.append(
            [
                result.workload.name,
                result.optimizer,
                _number(result.median(OURS)),
                _ratio(result, OURS, "floor"),
                _ratio(result, OURS, "torch"),
                _ratio(result, OURS, peer) if peer else "–",
                peer or "–",
            ]
        )
    return _table(heads, rows)


def families(results: Sequence[Result]) -> str:
    """Steps per second of the fastest way of each peer."""
    heads = ["steps/s, each in its fastest way", "Lockstep", *FAMILIES]
    rows = []
    for result in results:
        row = [f"{result.workload.name} {result.optimizer}", _number(result.median(OURS))]
        for names in FAMILIES.values():
            way = fastest_of(result, names)
            row.append(f"{_number(result.median(way))} ({way})" if way else "–")
        rows.append(row)
    return _table(heads, rows)


def times(found: Times) -> str:
    """Seconds to some steps."""
    heads = ["seconds to step", "", *(f"{target:,}" for target in TARGETS)]
    rows = [
        [workload, name, *(_time(times[target]) for target in TARGETS)]
        for workload, contestants in found.items()
        for name, times in contestants.items()
    ]
    return _table(heads, rows)


def _time(time: Time) -> str:
    return ("~" if time.reckoned else "") + format(time.seconds, ".3g" if time.seconds < 1000 else ",.0f")


def all_rates(results: Sequence[Result], names: Sequence[str]) -> str:
    """Medians and ranges of everyone's steps per second."""
    heads = ["steps/s", *(f"{result.workload.name} {result.optimizer}" for result in results)]
    rows = []
    for name in names:
        cells = [
            f"{_number(result.median(name))} ({_number(min(result.rates[name]))} to "
            f"{_number(max(result.rates[name]))})"
            if name in result.rates
            else "–"
            for result in results
        ]
        rows.append([name, *cells])
    return _table(heads, rows)


def shards(results: Sequence[Result], names: Sequence[str]) -> str:
    """Time of a step with several shards in proportion to one."""
    heads = ["time of a step, sgd", *(name.replace("lockstep:", "shards ") for name in names)]
    rows = [
        [result.workload.name, *(f"{1 / result.ratio(name, names[0]):.3g}" for name in names)]
        for result in results
    ]
    return _table(heads, rows)


def first_steps(times: Mapping[str, Mapping[str, float]], results: Sequence[Result]) -> str:
    """Milliseconds up to the first update; beside it, of the peers, from the model's making."""
    parts = ("spec", "data", "model", "step")
    heads = ["ms to the first update", *parts, "in all", *PEERS]
    sgd = {result.workload.name: result.first_seconds for result in results if result.optimizer == "sgd"}
    rows = []
    for name, medians in times.items():
        peers = [sgd.get(name, {}).get(peer) for peer in PEERS]
        rows.append(
            [
                name,
                *(f"{medians[part]:.1f}" for part in parts),
                f"{sum(medians.values()):.1f}",
                *("–" if seconds is None else f"{seconds * 1000:.0f}" for seconds in peers),
            ]
        )
    return _table(heads, rows)


def titles(workloads: Sequence[Workload]) -> str:
    """What the workloads' names stand for."""
    return "; ".join(f"{workload.name}: {workload.title}" for workload in workloads)
