"""Training steps per second beside the bare matrix products, PyTorch, JAX and scikit-learn.

    python -m benchmarks.core [--workloads ...] [--optimizers ...] [--parts ...] [--contestants ...]
                              [--rounds N] [--seconds S] [--json]

Each contestant has a process of its own, all on one core with one thread. They take turns, a short burst each,
to and fro; the figures are medians, the ratios medians of each round's ratio with its quartiles, so that
whatever else the machine does meets all of them. Before that each takes a few steps at an ordinary learning
rate, and all must have moved the weights alike.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from benchmarks.core import race, tables
from benchmarks.core.contestants import MODULES
from benchmarks.core.workloads import OPTIMIZERS, WORKLOADS

PARTS = ("steps", "shards", "first")
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


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 where a contestant failed."""
    wanted = arguments(given)
    workloads = [WORKLOADS[name] for name in wanted.workloads]
    names = ["lockstep", *(name for name in wanted.contestants if name != "lockstep")]
    results, shards, first = [], [], {}
    for workload in workloads:
        if "steps" in wanted.parts:
            for optimizer in wanted.optimizers:
                print(f"{workload.name} {optimizer} ...", file=sys.stderr, flush=True)
                results.append(race.run(workload, optimizer, names, wanted.rounds, wanted.seconds))
        if "shards" in wanted.parts:
            print(f"{workload.name} shards ...", file=sys.stderr, flush=True)
            shards.append(race.run(workload, "sgd", SHARDS, wanted.rounds, wanted.seconds))
        if "first" in wanted.parts:
            first[workload.name] = race.first_steps(workload)
    everyone = [*results, *shards]
    if wanted.json:
        found = {
            "machine": tables.machine(),
            "rates": [
                {"workload": r.workload.name, "optimizer": r.optimizer, "steps_per_second": r.rates}
                for r in everyone
            ],
            "first_step_ms": first,
        }
        print(json.dumps(found))
    else:
        print(f"{tables.machine()}.\n\n{tables.titles(workloads)}.")
        for optimizer in wanted.optimizers:
            chosen = [result for result in results if result.optimizer == optimizer]
            if chosen:
                print(f"\n{tables.summary(chosen)}\n\n{tables.all_rates(chosen, names)}")
        if shards:
            print(f"\n{tables.shards(shards, SHARDS)}")
        if first:
            print(f"\n{tables.first_steps(first, results)}")
    failures = [f"{r.workload.name} {r.optimizer}: {why}" for r in everyone for why in r.failures.values()]
    print("".join(f"\n{failure}" for failure in failures), file=sys.stderr, end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
