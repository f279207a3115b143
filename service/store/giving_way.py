"""Which leads give their claims back for jobs that wait, where no worker is free. Pure.

A job that waits takes the place of one that comes after it by the order of turns.py, once that one's turn is
over: of a higher priority, or of the same and of another owner who has no more workers at work than the first
has beside it. Of a lower priority it never does: the two would change places for ever.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Head:
    """The job of an owner that comes first of all of its own that wait."""

    owner_id: str
    priority: int


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A job that `workers` work at, its lead for `held_seconds` now.

    `may_leave`: its lead could take the jobs that wait, and hears it when it is to give way.
    """

    job_id: str
    owner_id: str
    priority: int
    workers: int
    held_seconds: float
    may_leave: bool


def leavers(
    holdings: Sequence[Holding], heads: Sequence[Head], free: int, turn_seconds: float
) -> frozenset[str]:
    """The ids of the jobs whose leads give way now.

    `heads` in the order of their turns; so many workers are `free`, or will be soon, for the first of them.
    Of several whose turn is over, the one of the lowest priority leaves, then of the owner with the most
    workers at work, then the one that has held its claim for longest: all leads come to the same answer.
    """
    at_work: Counter[str] = Counter()
    for holding in holdings:
        at_work[holding.owner_id] += holding.workers
    over = [each for each in holdings if each.may_leave and each.held_seconds >= turn_seconds]
    leaving: set[str] = set()
    for head in heads:
        if free > 0:
            free -= 1
        else:
            beaten = [each for each in over if _comes_before(head, each, at_work)]
            if not beaten:
                continue
            leaver = min(beaten, key=lambda each: _standing(each, at_work))
            over.remove(leaver)
            leaving.add(leaver.job_id)
            at_work[leaver.owner_id] -= leaver.workers
        at_work[head.owner_id] += 1
    return frozenset(leaving)


def _comes_before(head: Head, holding: Holding, at_work: Counter[str]) -> bool:
    """Whether the head would be taken first, were the other to wait too, with its owner served just now."""
    if head.priority != holding.priority:
        return head.priority > holding.priority
    others = at_work[holding.owner_id] - holding.workers
    return head.owner_id != holding.owner_id and at_work[head.owner_id] <= others


def _standing(holding: Holding, at_work: Counter[str]) -> tuple[int, int, float, str]:
    return holding.priority, -at_work[holding.owner_id], -holding.held_seconds, holding.job_id
