"""Rounds of one damage each, counted."""

from __future__ import annotations

import logging
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.stored.damaging import damage
from tests.chaos.stored.jobs import Rest, copy, prepare, worker_on
from tests.chaos.stored.judging import judge

TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of the rounds: how many by what was hit and whether it was told, and each fault in words."""

    rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def merge(self, what: str, outcome: str, faults: list[str]) -> None:
        """Count a round."""
        self.rounds[what, outcome] += 1
        self.faults.extend(faults)


def run(folder: Path, seed: int, rounds: range) -> Tally:
    """Run these rounds of the campaign of a seed, with databases in `folder`."""
    rests = prepare(folder)
    tally = Tally()
    with _silence():
        for number in rounds:
            _round(folder / "round.db", rests, random.Random(f"{seed}.{number}"), f"{seed}.{number}", tally)
    return tally


@contextmanager
def _silence() -> Iterator[None]:
    """Each round is a fault that would be logged."""
    logger = logging.getLogger("lockstep")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _round(path: Path, rests: dict[str, Rest], chance: random.Random, name: str, tally: Tally) -> None:
    for _ in range(TRIES):
        kind = chance.choice(sorted(rests))
        copy(rests[kind], path)
        hit = damage(path, chance)
        if hit is not None:
            break
    else:
        raise RuntimeError(f"round {name}: nothing to damage in {TRIES} tries")
    with worker_on(path) as bench:
        try:
            outcome, faults = judge(bench, rests[kind], hit)
        except Exception:
            outcome, faults = "told", [traceback.format_exc(limit=-6)]
    tally.merge(hit.what, outcome, [f"round {name}, {kind}, {hit.words}: {fault}" for fault in faults])
