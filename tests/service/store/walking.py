"""Tries acts on rows of a table and holds what comes of it against the transition table, column by column."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import BindParameter, ColumnElement, Connection, select
from sqlalchemy.sql.visitors import iterate

from lockstep.service.store.claims import Claim
from lockstep.service.store.database import Database, clock, now
from lockstep.service.store.errors import Fenced, Refused
from lockstep.service.store.lifecycle import Lifecycle, StatusChange
from lockstep.service.store.statuses import HELD
from lockstep.service.store.tables import attempts, events

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ActCase:
    """A function of the store: `acts` that it makes (the first that is possible), with these parameters.

    `means` says whether it is about the row at all, beside the holder's own acts.
    """

    acts: tuple[str, ...]
    work: Callable[[Connection, Any], object]
    given: Mapping[str, object]
    means: Callable[[Row, Claim], bool] = lambda _row, _claim: True


@dataclass(frozen=True, kw_only=True)
class RowView:
    """All that an act may change, and the database's clock."""

    row: Row
    noted: tuple[Row, ...]
    tries: tuple[Row, ...]
    clock: float


def look(database: Database, life: Lifecycle, row_id: str) -> RowView:
    """A row, and the events and attempts of its job."""
    with database.read() as tx:
        row = tx.execute(select(life.table).where(life.table.c.id == row_id)).mappings().one()
        of_job = row.get("job_id", row_id)
        noted = select(events).where(events.c.job_id == of_job).order_by(events.c.id)
        tries = select(attempts).where(attempts.c.job_id == of_job).order_by(attempts.c.number)
        return RowView(
            row=dict(row),
            noted=tuple(dict(each) for each in tx.execute(noted).mappings()),
            tries=tuple(dict(each) for each in tx.execute(tries).mappings()),
            clock=now(tx),
        )


def try_and_check(database: Database, life: Lifecycle, trial: ActCase, claim: Claim) -> None:
    """The trial does to the claim's row what the table says, or raises and changes nothing."""
    before = look(database, life, claim.row_id)
    with database.read() as tx:
        change = _expected(tx, life, trial, before.row) if trial.means(before.row, claim) else None
        values = {} if change is None else _values(tx, life, change, trial, before.row)
    error = _error(life, trial, claim, before.row, change)
    if error is None:
        with database.write() as tx:
            trial.work(tx, claim)
    else:
        with pytest.raises(error), database.write() as tx:
            trial.work(tx, claim)
    after = look(database, life, claim.row_id)
    if error is not None or change is None:
        assert (after.row, after.noted, after.tries) == (before.row, before.noted, before.tries)
        return
    _check_row(before, after, change, values)
    _check_events(before, after, change, trial)
    _check_attempts(before, after, change)


def _expected(tx: Connection, life: Lifecycle, trial: ActCase, row: Row) -> StatusChange | None:
    for change in (change for act in trial.acts for change in life.of_act(act)):
        if row["status"] not in change.sources:
            continue
        if change.only_if is None:
            return change
        holds = select(life.table.c.id).where(life.table.c.id == row["id"], change.only_if.on(life.table.c))
        if tx.execute(holds, _needed(change.only_if.on(life.table.c), trial)).first() is not None:
            return change
    return None


def _values(tx: Connection, life: Lifecycle, change: StatusChange, trial: ActCase, row: Row) -> Row:
    """What the change writes: its expressions computed of the row as it is."""
    values: dict[str, Any] = {}
    for column, value in change.values.items():
        if isinstance(value, BindParameter):
            values[column] = trial.given[value.key]
        elif isinstance(value, ColumnElement):
            computed = select(value).where(life.table.c.id == row["id"])
            values[column] = tx.execute(computed, _needed(value, trial)).scalar_one()
        else:
            values[column] = value
    return values


def _needed(expression: ColumnElement[Any], trial: ActCase) -> dict[str, object]:
    binds = (part for part in iterate(expression) if isinstance(part, BindParameter) and part.required)
    return {part.key: trial.given[part.key] for part in binds}


def _error(
    life: Lifecycle, trial: ActCase, claim: Claim, row: Row, change: StatusChange | None
) -> type[Exception] | None:
    """A holder that is none any more is fenced; one whose row's status forbids it is refused."""
    if any(change.who != "holder" for act in trial.acts for change in life.of_act(act)):
        return None
    if life.phases[row["status"]] not in HELD or row[claim.on.fenced_by] != claim.token:
        return Fenced
    return Refused if change is None else None


def _check_row(before: RowView, after: RowView, change: StatusChange, values: Row) -> None:
    """The row has what the change writes, else what it had. A time lies between two looks at the clock."""
    passed = after.clock - before.clock
    for column, old in before.row.items():
        new = after.row[column]
        if column not in values:
            assert new == old, column
        elif _tells_time(change.values[column]) and new is not None:
            assert -1e-3 <= new - values[column] <= passed + 1e-3, column
        else:
            assert new == values[column], column


def _check_events(before: RowView, after: RowView, change: StatusChange, trial: ActCase) -> None:
    noted = after.noted[len(before.noted) :]
    assert [event["type"] for event in noted] == [change.event] * (change.event is not None)
    if change.event == "status":
        told = json.loads(noted[0]["data_json"])
        assert told == {"status": change.target, "reason": change.reason(trial.given)}
        assert noted[0]["at"] == after.row["updated_at"]


def _check_attempts(before: RowView, after: RowView, change: StatusChange) -> None:
    if change.outcome is None:
        assert after.tries[: len(before.tries)] == before.tries
        return
    was, ended = before.tries[-1], after.tries[-1]
    assert (was["outcome"], was["ended_at"]) == (None, None)
    assert (ended["outcome"], ended["secret"]) == (change.outcome, None)
    assert ended["ended_at"] is not None


def _tells_time(value: object) -> bool:
    return isinstance(value, ColumnElement) and any(isinstance(part, clock) for part in iterate(value))


def way_to(life: Lifecycle, start: str, status: str) -> tuple[StatusChange, ...]:
    """The shortest way of changes that need no condition; the reconciler's are left out."""
    ways: dict[str, tuple[StatusChange, ...]] = {start: ()}
    waiting = [start]
    while status not in ways:
        source = waiting.pop(0)
        for change in life.changes:
            target = change.target
            usable = source in change.sources and change.who != "service" and change.only_if is None
            if usable and target is not None and target not in ways:
                ways[target] = (*ways[source], change)
                waiting.append(target)
    return ways[status]
