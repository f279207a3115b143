"""python -m tests.mutants: plants mutants in copies of the tree and runs the tests that must notice.

Exits with 1 where one survives, a line is not found, or the tests do not pass without a mutant.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from tests.mutants.table import LINES, Mutant, faults, read
from tests.mutants.trying import Tree, Trial

T = TypeVar("T")
R = TypeVar("R")

ROOT = Path(__file__).parents[2]
AT_ONCE = 2
GOOD = ("killed", "killed by the limit")


def main(arguments: Sequence[str], root: Path = ROOT, lines: Path = LINES) -> int:
    """Run the command; returns the exit status."""
    options = _options(arguments)
    mutants = [each for each in read(lines) if options.only.lower() in f"{each.name} {each.file}".lower()]
    if not mutants:
        _say(f"no mutant has {options.only!r} in its name or its file's; see {lines.name}")
        return 1
    wrong = [f"{each.name}: {fault}" for each in mutants for fault in faults(root, each)]
    if wrong or options.list:
        _say(*(wrong or [f"{each.file}: {each.name}" for each in mutants]))
        return int(bool(wrong))
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        trees = [Tree.copied(root, Path(folder) / str(number)) for number in range(AT_ONCE)]
        try:
            return _try_all(mutants, trees)
        finally:
            for tree in trees:
                tree.stop()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make mutants",
        description="Plant mutants in lines of safety and arithmetic, and see that the tests notice.",
        epilog="With make: make mutants ARGS='--only fence'",
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="those with TEXT in their name or file")
    parser.add_argument("--list", action="store_true", help="say which there are, and try none")
    return parser.parse_args(arguments)


def _try_all(mutants: Sequence[Mutant], trees: Sequence[Tree]) -> int:
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def with_a_tree(work: Callable[[Tree, T], R], subject: T) -> R:
        tree = free.get()
        try:
            return work(tree, subject)
        finally:
            free.put(tree)

    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    shares = [tests[number :: len(trees)] for number in range(len(trees))]
    with ThreadPoolExecutor(len(trees)) as pool:
        try:
            for said in pool.map(partial(with_a_tree, _complaint), filter(None, shares)):
                if said is not None:
                    _say("without a mutant these tests do not pass:", said)
                    return 1
            return _tell(pool.map(partial(with_a_tree, Tree.attempt), mutants), len(mutants))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for tree in trees:
                tree.stop()
            raise


def _complaint(tree: Tree, tests: Sequence[str]) -> str | None:
    """What pytest says where the tests do not pass."""
    passed, said = tree.passes(tests)
    return None if passed else said


def _tell(trials: Iterable[Trial], count: int) -> int:
    """A line for each as it comes, then their sum; of those that are not killed also what pytest said."""
    bad: list[Trial] = []
    for trial in trials:
        _say(f"{trial.verdict:19} {trial.seconds:5.1f} s  {trial.mutant.name}")
        if trial.verdict not in GOOD:
            bad.append(trial)
    for trial in bad:
        where = f"{trial.mutant.file}: {trial.mutant.mutant.strip()}"
        _say("", f"{trial.verdict}: {trial.mutant.name}", where, trial.said)
    _say(f"{count} mutants: {count - len(bad)} killed, {len(bad)} not")
    return int(bool(bad))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
