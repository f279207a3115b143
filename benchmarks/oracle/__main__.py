"""Lockstep against PyTorch: 50 steps in float64 from the same weights, case by case.

    python -m benchmarks.oracle [NAME ...]

NAME is a family (optimizers) or a part of a case's name. Exits with 1 where a case deviates by more than
1e-9 of the largest number, or fails.
"""

import importlib
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from benchmarks.oracle.case import LIMIT, Case

FAMILIES = (
    "activations",
    "interchange",
    "losses",
    "optimizers",
    "schedules",
    "sequence",
    "vision",
)
"""The modules beside this one that have CASES."""


def chosen(names: Sequence[str]) -> Iterator[tuple[str, Case]]:
    """The cases that `names` name, with their family; all if there are none."""
    for family in FAMILIES:
        cases: tuple[Case, ...] = importlib.import_module(f"benchmarks.oracle.{family}").CASES
        for case in cases:
            if not names or any(name == family or name in case.name for name in names):
                yield family, case


def measured(case: Case) -> tuple[str, bool]:
    """What the table says about a case, and whether it passed."""
    try:
        deviation = case.run().relative
    except Exception:
        traceback.print_exc()
        return "failed", False
    return f"{deviation:.1e}", deviation <= LIMIT


def main(names: Sequence[str]) -> int:
    """Print the table; the exit code."""
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}, float64\n")
    print("| family | case | max\\|Δ\\| / max\\|torch\\| |\n|---|---|---:|")
    failed = []
    count = 0
    for family, case in chosen(names):
        shown, passed = measured(case)
        print(f"| {family} | {case.name} | {shown} |", flush=True)
        failed += [] if passed else [case.name]
        count += 1
    if not count:
        print(f"no case is called {' or '.join(names)}", file=sys.stderr)
        return 1
    print(
        f"\n{count - len(failed)} of {count} within {LIMIT:g}"
        + (f"; not: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
