"""What is counted for good, in the transaction of what it counts: nothing twice, nothing that did not happen.

`Database.write` opens the tally of a transaction and writes it down at its end: one statement, its rows in
order, so that no two transactions wait for each other. On PostgreSQL each takes one of several slots of a
sum, else all writers would wait for one row.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite

from lockstep.service.store.counter_table import counters

SLOTS = 16
BEYOND = "+Inf"
"""The bound of what is longer than every bound."""
_TALLY = "lockstep_tally"
_TOTALS = select(counters.c.name, counters.c.labels, func.sum(counters.c.value)).group_by(
    counters.c.name, counters.c.labels
)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A sum that only grows, called as monitoring shows it.

    `labels` tell its parts apart; `known` are those parts that are shown before they have counted anything.
    """

    name: str
    words: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Histogram(Counter):
    """How often something took how long: `bounds` are in seconds, the least first."""

    bounds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The values of a histogram: how many up to each bound and no further, by bound; and their sum."""

    counts: Mapping[str, float]
    total: float


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All sums at one moment."""

    sums: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]

    def of(self, counter: Counter) -> Mapping[tuple[str, ...], float]:
        """The parts of a counter by the values of its labels; those that never counted are absent."""
        found = self.sums.get(counter.name, {})
        return {
            tuple(dict(labels)[name] for name in counter.labels): value for labels, value in found.items()
        }

    def observed(self, histogram: Histogram) -> Mapping[tuple[str, ...], Observed]:
        """The same of a histogram."""
        counts: dict[tuple[str, ...], dict[str, float]] = {}
        for labels, value in self.sums.get(f"{histogram.name}_bucket", {}).items():
            values = dict(labels)
            key = tuple(values[name] for name in histogram.labels)
            counts.setdefault(key, {})[values["le"]] = value
        sums = self.of(Counter(name=f"{histogram.name}_sum", words="", labels=histogram.labels))
        return {key: Observed(counts=found, total=sums.get(key, 0.0)) for key, found in counts.items()}


class Increments:
    """What was counted and is not written yet."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], float] = {}

    def count(self, counter: Counter, amount: float, labels: Mapping[str, str]) -> None:
        """Count something; `labels` are those of the counter."""
        self._add(counter.name, labels, amount)

    def observe(self, histogram: Histogram, seconds: float, labels: Mapping[str, str]) -> None:
        """Count something that took so long."""
        bound = next((f"{bound:g}" for bound in histogram.bounds if seconds <= bound), BEYOND)
        self._add(f"{histogram.name}_bucket", {**labels, "le": bound}, 1)
        self._add(f"{histogram.name}_sum", labels, seconds)

    def merge(self, other: "Increments") -> None:
        """Count all that another has counted."""
        for key, amount in other.sums.items():
            self.sums[key] = self.sums.get(key, 0.0) + amount

    def _add(self, name: str, labels: Mapping[str, str], amount: float) -> None:
        if amount:
            key = name, json.dumps(labels, sort_keys=True, separators=(",", ":"))
            self.sums[key] = self.sums.get(key, 0.0) + amount


def open_tally(tx: Connection) -> None:
    """Begin to count in this transaction."""
    tx.info[_TALLY] = Increments()


def tally_of(tx: Connection) -> Increments:
    """Where to count what this transaction does."""
    tally: Increments = tx.info[_TALLY]
    return tally


def count(tx: Connection, counter: Counter, amount: float = 1.0, **labels: str) -> None:
    """Count something that the transaction does; `labels` are those of the counter."""
    tally_of(tx).count(counter, amount, labels)


def observe(tx: Connection, histogram: Histogram, seconds: float, **labels: str) -> None:
    """Count something that took so long."""
    tally_of(tx).observe(histogram, seconds, labels)


def close_tally(tx: Connection) -> None:
    """Write down what was counted; the transaction's last statement."""
    sums = tally_of(tx).sums
    del tx.info[_TALLY]
    if not sums:
        return
    # SQLite has one writer at a time.
    slot = random.randrange(SLOTS) if tx.dialect.name == "postgresql" else 0  # noqa: S311  (no secret)
    rows = [
        {"name": name, "labels": labels, "slot": slot, "value": sums[name, labels]}
        for name, labels in sorted(sums)
    ]
    tx.execute(_adding(tx.dialect.name), rows)


def totals(tx: Connection) -> Totals:
    """All sums."""
    sums: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for name, labels, value in tx.execute(_TOTALS):
        sums.setdefault(name, {})[tuple(json.loads(labels).items())] = value
    return Totals(sums=sums)


@cache
def _adding(dialect: str) -> Insert:
    new = postgresql.insert(counters) if dialect == "postgresql" else sqlite.insert(counters)
    return new.on_conflict_do_update(
        index_elements=list(counters.primary_key), set_={"value": counters.c.value + new.excluded.value}
    )
