"""Run the campaign: `python -m tests.chaos.stored --rounds 10000 --seed 1 --first 0`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.stored.campaign import run
from tests.databases import MEMORY


def main() -> int:
    """The exit status is 1 where anything wrong was used or a job was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.stored", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    given = parser.parse_args()
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        tally = run(Path(folder), given.seed, range(given.first, given.first + given.rounds))
    lines = [
        f"{sum(tally.rounds.values())} damages in {time.monotonic() - began_at:.0f} s, seed {given.seed}:",
        *(f"  {what:12} {outcome:8} {count}" for (what, outcome), count in sorted(tally.rounds.items())),
        *(f"FAULT {fault}" for fault in tally.faults),
        f"faults: {len(tally.faults)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
