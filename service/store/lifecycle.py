"""What the statuses of a table go through, as data: from it come SQL's predicates and assignments.

A change is a row of a table: which act takes which statuses to which, under what condition, what it writes
and what it notes. `Lifecycle` makes the UPDATE of an act of them, so that no statement can say otherwise.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from sqlalchemy import BindParameter, ColumnElement, Table, Update, and_, case, or_, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.visitors import iterate

from lockstep.service.store.statuses import Phase

Columns = ReadOnlyColumnCollection[str, Any]
Who = Literal["user", "worker", "holder", "service"]
"""Who acts. worker: one without a claim on the row. holder: the one with it. service: the reconciler."""
AttemptOutcome = Literal["succeeded", "failed", "cancelled", "evicted", "released"]
"""How an attempt ends."""


class OnColumns(Protocol):
    """Makes a condition of the columns of a table or of an alias of it."""

    def __call__(self, columns: Columns, /) -> ColumnElement[bool]: ...


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a row must fulfil beside its status: in words that complete "only if", and on its columns."""

    words: str
    on: OnColumns


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a change writes: in words, and by column a constant, a parameter or an expression."""

    words: str
    values: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, eq=False)
class StatusChange:
    """A way from `sources` to `target`. No sources: the row is new. No target: the status stays as it is.

    Of several changes of one act the first counts whose sources and condition hold. `outcome` is what the
    attempt ends as, where it ends; `event` the type of the event that is noted, where one is.
    """

    act: str
    who: Who
    sources: tuple[str, ...] = ()
    target: str | None = None
    only_if: Condition | None = None
    effects: tuple[Effect, ...] = ()
    outcome: AttemptOutcome | None = None
    event: str | None = None

    @cached_property
    def values(self) -> Mapping[str, object]:
        """What it writes, by column."""
        status = {} if self.target is None else {"status": self.target}
        return status | {column: value for effect in self.effects for column, value in effect.values.items()}

    @cached_property
    def parameters(self) -> AbstractSet[str]:
        """The names of what must be said when it is made."""
        return {
            part.key
            for value in self.values.values()
            if isinstance(value, ColumnElement)
            for part in iterate(value)
            if isinstance(part, BindParameter) and part.required
        }

    def reason(self, given: Mapping[str, object]) -> str | None:
        """The transition's reason, where the parameters have these values."""
        reason = self.values.get("status_reason")
        if isinstance(reason, BindParameter):
            reason = given[reason.key]
        return None if reason is None else str(reason)


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """The statuses of a table, each with its phase, and the changes between them."""

    table: Table[Any]
    phases: Mapping[str, Phase]
    changes: tuple[StatusChange, ...]

    def statuses(self, *phases: Phase) -> tuple[str, ...]:
        """Those in one of these phases, in the order of their declaration."""
        return tuple(status for status, phase in self.phases.items() if phase in phases)

    def are(self, *phases: Phase, columns: Columns | None = None) -> ColumnElement[bool]:
        """Condition on rows of the table, or on an alias' `columns`: the status is in one of these phases."""
        return _is_one(self.table.c if columns is None else columns, self.statuses(*phases))

    def of_act(self, act: str) -> tuple[StatusChange, ...]:
        """The changes that an act makes."""
        return tuple(change for change in self.changes if change.act == act)

    def change(self, act: str, status: str) -> StatusChange | None:
        """What an act makes of a row in that status, where no condition decides; None: nothing."""
        return next((change for change in self.of_act(act) if status in change.sources), None)

    def asked(self, status: str) -> str | None:
        """The act by which a user has asked the holder of a row in that status to end its claim; None: none.

        What the holder does then is called finish_ and that act.
        """
        if self.phases[status] != "leaving":
            return None
        return next(change.act for change in self.changes if change.who == "user" and change.target == status)

    def first(self, act: str) -> Mapping[str, object]:
        """What a new row begins with."""
        (change,) = self.of_act(act)
        return change.values

    def reached(self, act: str) -> frozenset[str]:
        """The statuses that an act leads to."""
        return frozenset(change.target for change in self.of_act(act) if change.target is not None)

    def may(self, act: str, columns: Columns | None = None) -> ColumnElement[bool]:
        """Condition on rows of the table, or on an alias' `columns`: the act makes a change of them."""
        return _any_of(self.of_act(act), self.table.c if columns is None else columns)

    def update(self, act: str, *where: ColumnElement[bool]) -> Update:
        """The statement that makes what an act makes of the rows that are meant by `where`."""
        return self._update(self.of_act(act), where)

    def update_by(self, change: StatusChange, *where: ColumnElement[bool]) -> Update:
        """The statement that makes one change."""
        return self._update((change,), where)

    def _update(self, changes: tuple[StatusChange, ...], where: tuple[ColumnElement[bool], ...]) -> Update:
        columns = self.table.c
        written = _written(changes, columns)
        return update(self.table).where(*where, _any_of(changes, columns)).values(**written)


def _is_one(columns: Columns, statuses: tuple[str, ...]) -> ColumnElement[bool]:
    status: ColumnElement[str] = columns["status"]
    return status == statuses[0] if len(statuses) == 1 else status.in_(statuses)


def _holds(change: StatusChange, columns: Columns) -> ColumnElement[bool]:
    is_one = _is_one(columns, change.sources)
    return is_one if change.only_if is None else and_(is_one, change.only_if.on(columns))


def _any_of(changes: tuple[StatusChange, ...], columns: Columns) -> ColumnElement[bool]:
    """One of the changes can be made. A condition says nothing where another change needs none."""
    free = tuple({status: None for change in changes if not change.only_if for status in change.sources})
    bound = [change for change in changes if not set(change.sources) <= set(free)]
    return or_(*([_is_one(columns, free)] if free else []), *(_holds(change, columns) for change in bound))


def _written(changes: tuple[StatusChange, ...], columns: Columns) -> dict[str, Any]:
    """By column: the value that all the changes write, else a CASE of theirs."""
    each = [change.values for change in changes]
    written: dict[str, Any] = {}
    for column in dict.fromkeys(column for values in each for column in values):
        value = each[-1].get(column)
        if all(column in values and values[column] is value for values in each):
            written[column] = value
        else:
            ways = [
                (_holds(change, columns), values.get(column, columns[column]))
                for change, values in zip(changes, each, strict=True)
            ]
            written[column] = case(*ways, else_=columns[column])
    return written
