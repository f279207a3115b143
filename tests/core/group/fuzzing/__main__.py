"""python -m tests.core.group.fuzzing: a million forged frames, handshakes and visits; see victims.py.

Exits with 1 where one is taken, or memory grows by more than MOST_GROWTH_BYTES.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from random import Random

from tests.core.group.fuzzing.victims import Tally, forge_frames, forge_handshakes, forge_visits

MOST_GROWTH_BYTES = 32 * 1024 * 1024
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
WARM_UP = 2_000


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    options = _options(arguments)
    random = Random(options.seed)
    _forge(WARM_UP, random)
    peak, began = _peak_bytes(), time.monotonic()
    tally = _forge(options.frames, random)
    growth = _peak_bytes() - peak
    _say(f"seed {options.seed}, {time.monotonic() - began:.0f} s, memory grew by {growth / 1e6:.1f} MB")
    _say("tried    " + _listed(tally.tried))
    _say("refused  " + _listed(tally.refused))
    _say(f"taken    {len(tally.taken)} of {tally.tried.total():,}", *tally.taken[:10])
    return int(bool(tally.taken) or growth > MOST_GROWTH_BYTES)


def _forge(frames: int, random: Random) -> Tally:
    tally = Tally()
    forge_frames(frames, random, tally)
    forge_handshakes(frames // 10, random, tally)
    forge_visits(frames // 100, random, tally)
    return tally


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", epilog="With make: make fuzz ARGS='--frames 10000'")
    parser.add_argument("--frames", type=int, default=1_000_000, help="how many forged frames")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
