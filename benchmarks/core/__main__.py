"""Training steps per second beside the bare matrix products, PyTorch, JAX and scikit-learn.

    python -m benchmarks.core [--workloads ...] [--optimizers ...] [--parts ...] [--contestants ...]
                              [--rounds N] [--seconds S] [--json]

Parts: `steps`, the race; `shards`, what shards cost; `first`, the time to a job's first update in a worker;
`times`, seconds from the start of a process to the 10th, 1,000th, ... step, with sgd (after `steps`).

Each contestant has a process of its own, all on one core with one thread. They take turns, a short burst
each, to and fro; the figures are medians, the ratios medians of each round's ratio with its quartiles, so
that whatever else the machine does meets all of them. Before that each takes a few steps at an ordinary
learning rate, and all must have moved the weights alike.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.core import race, tables
from benchmarks.core.aims import OURS, aims
from benchmarks.core.contestants import MODULES, interpreter_of
from benchmarks.core.times import Time, to_steps
from benchmarks.core.workloads import OPTIMIZERS, WORKLOADS
from lockstep.core.group.fingerprint import blas_core

PARTS = ("steps", "shards", "first", "times")
TIMED = ("line", "digits", "mlp784", "mlp1024")
MIN_ROWS = 8
"""Of a batch that can be cut into all of SHARDS."""
SHARDS = tuple(f"lockstep:{shards}" for shards in (1, 2, 4, 8))


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What is to be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--contestants", nargs="+", choices=list(MODULES), default=list(MODULES))
    parser.add_argument("--rounds", type=int, default=11, help="bursts of each contestant (default 11)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a burst (default 0.2)")
    parser.add_argument("--json", action="store_true", help="all rates as JSON, in place of the tables")
    return parser.parse_args(given)


@dataclass(kw_only=True)
class Figures:
    """What was measured."""

    results: list[race.Result] = field(default_factory=list)
    shards: list[race.Result] = field(default_factory=list)
    first: dict[str, dict[str, float]] = field(default_factory=dict)
    times: dict[str, Mapping[str, Mapping[int, Time]]] = field(default_factory=dict)

    @property
    def all(self) -> list[race.Result]:
        """All races."""
        return [*self.results, *self.shards]


def measured(wanted: argparse.Namespace, names: Sequence[str]) -> Figures:
    """Measure, and tell on stderr what is going on."""
    figures = Figures()
    for workload in (WORKLOADS[name] for name in wanted.workloads):
        for optimizer in wanted.optimizers if "steps" in wanted.parts else ():
            print(f"{workload.name} {optimizer} ...", file=sys.stderr, flush=True)
            figures.results.append(race.run(workload, optimizer, names, wanted.rounds, wanted.seconds))
            if "times" in wanted.parts and optimizer == "sgd" and workload.name in TIMED:
                print(f"{workload.name} times ...", file=sys.stderr, flush=True)
                figures.times[workload.name] = to_steps(figures.results[-1], names)
        if "shards" in wanted.parts and workload.rows >= MIN_ROWS:
            print(f"{workload.name} shards ...", file=sys.stderr, flush=True)
            figures.shards.append(race.run(workload, "sgd", SHARDS, wanted.rounds, wanted.seconds))
        if "first" in wanted.parts:
            figures.first[workload.name] = race.first_steps(workload)
    return figures


def as_json(figures: Figures) -> str:
    """All of it."""
    rates = [
        {"workload": race.workload.name, "optimizer": race.optimizer, "steps_per_second": race.rates}
        for race in figures.all
    ]
    times = {
        workload: {
            name: {step: asdict(time) for step, time in times.items()} for name, times in found.items()
        }
        for workload, found in figures.times.items()
    }
    machine = tables.machine(figures.all, blas_core())
    return json.dumps({"machine": machine, "rates": rates, "first_step_ms": figures.first, "times": times})


def as_markdown(figures: Figures, wanted: argparse.Namespace, names: Sequence[str]) -> str:
    """The tables."""
    parts = [
        f"{tables.machine(figures.all, blas_core())}.",
        f"{tables.titles([WORKLOADS[name] for name in wanted.workloads])}.",
    ]
    for optimizer in wanted.optimizers:
        chosen = [result for result in figures.results if result.optimizer == optimizer]
        if chosen:
            parts += [tables.families(chosen), tables.summary(chosen), tables.all_rates(chosen, names)]
    if figures.times:
        parts.append(tables.times(figures.times))
    if figures.shards:
        parts.append(tables.shards(figures.shards, SHARDS))
    if figures.first:
        parts.append(tables.first_steps(figures.first, figures.results))
    parts.append("\n".join(f"- {line}" for line in aims(figures.results, figures.first)))
    return "\n\n".join(part for part in parts if part)


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 where a contestant failed."""
    wanted = arguments(given)
    names = [OURS, *(name for name in wanted.contestants if name != OURS)]
    absent = [name for name in names if interpreter_of(name) is None]
    names = [name for name in names if name not in absent]
    if absent:
        print(f"not installed, so left out: {', '.join(absent)}", file=sys.stderr)
    figures = measured(wanted, names)
    print(as_json(figures) if wanted.json else as_markdown(figures, wanted, names))
    failures = [f"{r.workload.name} {r.optimizer}: {why}" for r in figures.all for why in r.failures.values()]
    print("".join(f"{failure}\n" for failure in failures), file=sys.stderr, end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
