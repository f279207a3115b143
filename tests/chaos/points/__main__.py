"""python -m tests.chaos.points: strike each failpoint of the store, the service and an attempt.

Exits with 1 where anything is not as it must be, or a point was never struck.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lockstep.service.store.migrating import migrate
from tests.chaos.points.campaign import POINTS, Campaign, bench_at, every_step_is_reported, tell_as_a_child
from tests.chaos.points.stories import STORIES
from tests.chaos.points.striking import DEEDS, Deed

EXITS_OF = ("formula", "posted", "asked about")
"""The stories that are told to real processes too: each takes a second."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    options = _options(arguments)
    if options.child:
        tell_as_a_child(options.child)
        return 0
    with tempfile.TemporaryDirectory(prefix="points-") as folder:
        url = f"sqlite:///{Path(folder) / 'migrated.db'}"
        migrate(url)
        wrong = [each for name in STORIES for each in _tell(name, Path(folder), options)]
    missing = sorted(set(POINTS) - _STRUCK)
    _say(*wrong, f"wrong: {len(wrong) or 'none'}", f"never struck: {', '.join(missing) or 'none'}")
    return int(bool(wrong or missing))


_STRUCK: set[str] = set()


def _tell(name: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Tell a story with each deed at each point that it reaches."""
    deeds: tuple[Deed, ...] = DEEDS if name in EXITS_OF and not options.quick else ("die", "fail")
    path = folder / "told.db"
    shutil.copyfile(folder / "migrated.db", path)
    started_at = time.monotonic()
    with every_step_is_reported():
        campaign = Campaign(bench_at(f"sqlite:///{path}"), f"sqlite:///{path}")
        for deed in deeds:
            for point in sorted(campaign.reached(name)):
                campaign.exhaust(name, point, deed)
    told = campaign.told
    _STRUCK.update(point for point, _ in told.struck)
    counts = ", ".join(
        f"{deed} {sum(told.struck[pair] for pair in told.struck if pair[1] == deed)}" for deed in deeds
    )
    seconds = time.monotonic() - started_at
    _say(f"{name:12} {told.stories:5} stories, struck: {counts}; wrong {len(told.wrong)}; {seconds:.0f} s")
    return told.wrong


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.points", description="Strike each failpoint."
    )
    parser.add_argument("--quick", action="store_true", help="no process is ended for real")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
