"""python -m tests.chaos.group: a campaign of faults against groups of real processes; see campaign.py.

Exits with 1 where anything is not as it must be, or a failpoint was never struck.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from lockstep.core.ground.failpoints import failpoints
from tests.chaos.group.campaign import Run
from tests.chaos.group.faults import DEEDS, TRANSPORTS, Struck, draw
from tests.chaos.group.jobs import SPECS, job
from tests.chaos.group.judging import Verdict

THREADS = "OPENBLAS_NUM_THREADS"


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    options = _options(arguments)
    points = failpoints("group")
    for name in SPECS:
        _say(f"alone, {name}: {job(name).alone[1][:16]}")
    struck: Struck = Counter()
    verdicts: list[Verdict] = []
    began = time.monotonic()
    for number in range(options.runs):
        is_enough = options.until_struck and number >= len(TRANSPORTS) and not _missed(points, struck)
        if is_enough or time.monotonic() - began > options.seconds:
            break
        random = Random(f"{options.seed}/{number}")
        plan = draw(number, random, points, struck)
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            verdict = Run(plan, job(plan.job), Path(folder), random.getrandbits(32)).play()
        verdicts.append(verdict)
        struck += verdict.struck
        if verdict.wrong:
            _say(f"run {number}: {plan}", *verdict.wrong)
            if not options.keep_going:
                break
    missed = _missed(points, struck)
    _report(verdicts, struck, time.monotonic() - began)
    if missed:
        reached = sum((verdict.reached for verdict in verdicts), Counter[str]())
        _say("never struck: " + ", ".join(f"{point} (reached {reached[point]} times)" for point in missed))
    return int(bool(missed) or any(verdict.wrong for verdict in verdicts))


def _missed(points: Sequence[str], struck: Struck) -> list[str]:
    return [point for point in points if not any(struck[point, deed] for deed in DEEDS)]


def _report(verdicts: Sequence[Verdict], struck: Struck, seconds: float) -> None:
    wrong = [verdict.plan.number for verdict in verdicts if verdict.wrong]
    of = Counter(verdict.plan.transports for verdict in verdicts)
    members = Counter(verdict.plan.world_size for verdict in verdicts)
    refused: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for verdict in verdicts:
        refused += verdict.refused
        left += verdict.left
    _say(
        f"{len(verdicts)} runs in {seconds:.0f} s, wrong: {wrong or 'none'}",
        f"transports {_listed(of)}; members wanted {_listed(members)}",
        f"struck {_listed(Counter(deed for (_, deed), count in struck.items() for _ in range(count)))}"
        f" at {len({point for point, _ in struck})} points",
        f"joined {sum(verdict.joined for verdict in verdicts)}; left {_listed(left)};"
        f" leads started {sum(verdict.attempts for verdict in verdicts)}",
        f"refused {_listed(refused)}",
    )
    kinds = sorted({kind for verdict in verdicts for kind in verdict.stalls})
    for kind in kinds:
        stalls = [stall for verdict in verdicts for stall in verdict.stalls.get(kind, [])]
        longest, where = max(stalls)
        middle = median(seconds for seconds, _ in stalls)
        _say(
            f"to the next step after a {kind}, {len(stalls)} times:"
            f" median {middle * 1e3:.0f} ms, longest {longest * 1e3:.0f} ms (at {where!r})"
        )


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos-groups", epilog="With make: make chaos-groups ARGS='--runs 20 --seed 3'"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until-struck", action="store_true", help="end once each failpoint was struck")
    parser.add_argument("--keep-going", action="store_true", help="after a run that went wrong")
    return parser.parse_args(arguments)


def _with_one_thread_each(arguments: Sequence[str]) -> int:
    """The command in a process whose BLAS was loaded for one thread, as a worker's is; returns its status."""
    command = [sys.executable, "-m", "tests.chaos.group", *arguments]
    return subprocess.run(command, env=os.environ | {THREADS: "1"}, check=False).returncode


if __name__ == "__main__":
    has_one = os.environ.get(THREADS) == "1"
    sys.exit(main(sys.argv[1:]) if has_one else _with_one_thread_each(sys.argv[1:]))
