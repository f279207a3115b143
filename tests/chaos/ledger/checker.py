"""Judges a history by what must be true of it, whatever was broken. Shares no code with the service.

Each rule yields what is wrong. The names I1 to I12 are those of the invariants that docs/decisions/chaos.md
lists; the others stand beside them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.chaos.ledger.evidence import Evidence, Line, read_evidence
from tests.chaos.ledger.rules_of_clients import CLIENTS
from tests.chaos.ledger.rules_of_jobs import JOBS
from tests.chaos.ledger.rules_of_rows import ROWS

Rule = Callable[[Evidence], Iterator[str]]


@dataclass(frozen=True)
class Violation:
    """What is wrong, by which rule."""

    rule: str
    text: str


RULES: dict[str, Rule] = {**CLIENTS, **JOBS, **ROWS}


def judge(history: Iterable[Line]) -> list[Violation]:
    """All that is wrong with a history."""
    evidence = read_evidence(history)
    return [Violation(name, text) for name, rule in RULES.items() for text in rule(evidence)]
