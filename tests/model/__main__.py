"""python -m tests.model: search every state of the transition table's model; exits with 1 at a violation."""

import argparse
import sys
import time
from collections.abc import Sequence

from lockstep.service.store.transitions import JOBS
from tests.model.moves import COMPARING, LIMITED, OUTDATED, PLAIN, TWO_JOBS, TWO_JOBS_OF_ONE, Moves
from tests.model.search import Search

SCENARIOS = {
    "one job, rings lost and doubled": PLAIN,
    "a job that older rules began": OUTDATED,
    "a job that verifies another": COMPARING,
    "a job with limits of time": LIMITED,
    "two jobs of one worker": TWO_JOBS_OF_ONE,
}
LONG = {"two jobs of two workers": TWO_JOBS}
"""This takes a minute."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description="Search every state.")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with TEXT in their name")
    options = parser.parse_args(arguments)
    wrong = 0
    for name, scenario in {**SCENARIOS, **LONG}.items():
        if options.only not in name:
            continue
        started_at = time.monotonic()
        found = Search(Moves(JOBS, scenario)).run()
        seconds = time.monotonic() - started_at
        counts = f"{found.states} states, {found.moves} moves, {len(found.violations)} violations"
        sys.stdout.write(f"{name}: {counts}, {seconds:.0f} s\n")
        for violation in found.violations:
            wrong += 1
            sys.stdout.write(f"  broken: {violation.rule}\n  " + "\n  ".join(violation.way) + "\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
