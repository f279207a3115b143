"""Groups of workers beside their peers.

    python -m benchmarks.group [--parts ...] [--rounds N] [--seconds S] [--quick] [--keep FILE]

Parts: `allreduce`, `training`, `examples`, `recovery`, `scaling`. `--quick`: short bursts, few jobs.
`--keep`: figures are kept in this file as they come; a second run with it measures what is missing.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.race import environment
from benchmarks.group import allreduce, examples, recovery, scaling, training
from benchmarks.group.figures import Figures
from benchmarks.group.member import PACKAGES
from benchmarks.group.tables import machine
from benchmarks.versions import versions_of

PARTS = ("allreduce", "training", "examples", "recovery", "scaling")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What is to be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.group")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, help="(default 5, quick 3)")
    parser.add_argument("--seconds", type=float, help="of a burst (default 0.5, quick 0.15)")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path, help="a file of figures to go on from")
    wanted = parser.parse_args(given)
    wanted.rounds = wanted.rounds or (3 if wanted.quick else 5)
    wanted.seconds = wanted.seconds or (0.15 if wanted.quick else 0.5)
    wanted.job_rounds, wanted.job_seconds = (2, 1.5) if wanted.quick else (3, 5.0)
    wanted.times = 5 if wanted.quick else 20
    return wanted


def main(given: Sequence[str]) -> int:
    """Measure and print."""
    if environment() != dict(os.environ):
        # Threads and kernels are chosen when NumPy is imported.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.group", *given], environment())
    wanted = arguments(given)
    figures = Figures(wanted.keep)
    print(f"{machine(versions_of(PACKAGES))}.\n")
    if "allreduce" in wanted.parts:
        allreduce.measure(figures, wanted.rounds, wanted.seconds)
        print(allreduce.report(figures))
    if "training" in wanted.parts:
        training.measure(figures, wanted.job_rounds, wanted.job_seconds)
        print(training.report(figures))
    if "examples" in wanted.parts:
        examples.measure(figures, wanted.job_rounds, wanted.job_seconds)
        print(examples.report(figures))
    if "recovery" in wanted.parts:
        recovery.measure(figures, wanted.times)
        print(recovery.report(figures))
    if "scaling" in wanted.parts:
        scaling.measure(figures, wanted.rounds, wanted.seconds)
        print(scaling.report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
