"""What the project has set itself, and what of it a run misses."""

from collections.abc import Mapping, Sequence

from benchmarks.core.contestants import PEERS
from benchmarks.core.race import Result
from benchmarks.core.workloads import OptimizerName

OURS = "lockstep"
OF_THE_FLOOR: Mapping[tuple[str, OptimizerName], float] = {
    ("digits", "sgd"): 0.48,
    ("digits", "adam"): 0.38,
    ("mlp784", "sgd"): 0.95,
    ("mlp784", "adam"): 0.82,
    ("mlp1024", "sgd"): 0.97,
    ("mlp1024", "adam"): 0.92,
}
SCANS = ("jax-scan", "jax-0.4.31-scan")
TIMES_EACH_SCAN: Mapping[tuple[str, OptimizerName], float] = {
    ("digits", "sgd"): 0.8,
    ("mlp784", "sgd"): 1.0,
    ("mlp1024", "sgd"): 1.0,
}
TIMES_THE_FASTEST: Mapping[tuple[str, OptimizerName], float] = {
    ("mlp784", "adam"): 0.97,
    ("mlp1024", "adam"): 0.97,
    ("cnn", "sgd"): 1.5,
    ("cnn", "adam"): 1.5,
}
FIRST_UPDATE_MS = 20.0


def fastest_of(result: Result, names: Sequence[str]) -> str | None:
    """Whose median is the highest."""
    present = [name for name in names if name in result.rates]
    return max(present, key=result.median) if present else None


def aims(results: Sequence[Result], first: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each aim that there are figures for: reached or missed, with the figure."""
    lines = []
    for result in results:
        key = (result.workload.name, result.optimizer)
        peer = fastest_of(result, PEERS)
        if key in OF_THE_FLOOR and "floor" in result.rates:
            lines.append(_line(result, "floor", "the floor", OF_THE_FLOOR[key]))
        if key in TIMES_EACH_SCAN:
            present = [scan for scan in SCANS if scan in result.rates]
            lines += [_line(result, scan, scan, TIMES_EACH_SCAN[key]) for scan in present]
        if key in TIMES_THE_FASTEST and peer:
            lines.append(_line(result, peer, f"the fastest, {peer}", TIMES_THE_FASTEST[key]))
    for name, parts in first.items():
        took = sum(parts.values())
        lines.append(
            f"{_verdict(took <= FIRST_UPDATE_MS)}: {name}, first update after {took:.3g} ms (aim 20)"
        )
    return lines


def _line(result: Result, other: str, of_what: str, aim: float) -> str:
    ratio = result.ratio(OURS, other)
    what = f"{result.workload.name} {result.optimizer}, {ratio:.3g} of {of_what} (aim {aim:g})"
    return f"{_verdict(ratio >= aim)}: {what}"


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"
