"""A job's row as the model has it: few columns, times rounded, each change made as the table says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lockstep.service.store.job_conditions import MAX_EVICTIONS
from lockstep.service.store.lifecycle import Lifecycle, StatusChange
from tests.model.expressions import NotModelled, columns_in, computed

TICK_SECONDS = 60.0
"""How far a tick of the model's clock goes. A lease is as long."""
HALF_TICK = TICK_SECONDS / 2
LATEST_TICKS, EARLIEST_TICKS = 1, -2
UNTIL = ("lease_expires_at", "ring_due_at", "not_before_at")
"""Of these times it matters whether they are past, not since when."""
OF_SAFETY = (
    "status",
    "attempt",
    "evictions",
    "worker_id",
    "lease_expires_at",
    "checkpoint_step",
    "ring_due_at",
    "not_before_at",
)
TOLD = ("finished_at", "error_code", "result_json")
"""Of these the model knows only whether they are there, unless a condition reads them."""
COUNTED = ("evictions", "lost")
"""What the model counts no further than it decides anything."""
GHOSTS = ("lost", "cancelled")
"""What the model counts by itself: evictions since a later checkpoint; whether a cancel was accepted."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """What rows of a table become by its changes. Columns that are `ignored` stay as at first."""

    life: Lifecycle
    ignored: frozenset[str] = frozenset()
    _made: dict[object, Row] = field(default_factory=dict, init=False)
    _found: dict[object, StatusChange | None] = field(default_factory=dict, init=False)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Those that decide about safety or about a change, and what these are computed of."""
        found = dict.fromkeys((*OF_SAFETY, *TOLD, *sorted(self._in_conditions)))
        while True:
            values = (change.values.get(name) for change in self.life.changes for name in found)
            more = sorted(set().union(*map(columns_in, values)) - set(found))
            if not more:
                return (*(name for name in found if name not in self.ignored), *GHOSTS)
            found |= dict.fromkeys(more)

    @cached_property
    def _unset(self) -> Mapping[str, Any]:
        """What is ignored is as in a new row, for ever."""
        return {name: 0.0 if name == "run_seconds" else None for name in self.ignored}

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each column stands in a row."""
        return {name: number for number, name in enumerate(self.columns)}

    @cached_property
    def _only_told(self) -> frozenset[str]:
        return frozenset(TOLD) - self._in_conditions

    @cached_property
    def _in_conditions(self) -> frozenset[str]:
        conditions = (change.only_if for change in self.life.changes)
        read = (columns_in(each.on(self.life.table.c)) for each in conditions if each is not None)
        return frozenset[str]().union(*read)

    def new(self, given: Mapping[str, Any], **other: Any) -> Row:
        """The row of a new job; what its user or an earlier version said is in `other`."""
        made: dict[str, Any] = dict.fromkeys(self.columns) | {"lost": 0, "cancelled": False} | other
        (create,) = self.life.of_act("create")
        return self._changed(made, create, given)

    def change_of(self, act: str, row: Row, given: Mapping[str, Any]) -> StatusChange | None:
        """What the act makes of the row, by its status and the conditions; None: nothing."""
        key = (row, act, *given.items())
        if key not in self._found:
            values = dict(zip(self.columns, row, strict=True))
            possible = (each for each in self.life.of_act(act) if values["status"] in each.sources)
            self._found[key] = next((each for each in possible if self._holds(each, values, given)), None)
        return self._found[key]

    def changed(self, row: Row, change: StatusChange, given: Mapping[str, Any]) -> Row:
        """The row after the change."""
        key = (row, change, *given.items())
        if key not in self._made:
            self._made[key] = self._changed(dict(zip(self.columns, row, strict=True)), change, given)
        return self._made[key]

    def put(self, row: Row, **values: Any) -> Row:
        """The row with other values in some columns."""
        changed = list(row)
        for name, value in values.items():
            changed[self.place[name]] = value
        return tuple(changed)

    def later(self, row: Row) -> Row:
        """The row a tick later."""
        if row not in self._made:
            self._made[row] = tuple(
                self.known(name, value - TICK_SECONDS) if value is not None and self.is_time(name) else value
                for name, value in zip(self.columns, row, strict=True)
            )
        return self._made[row]

    def is_time(self, name: str) -> bool:
        """Whether the model has the column as a time, in seconds from now."""
        return name.endswith("_at") and name not in self._only_told

    def known(self, name: str, value: Any) -> Any:
        """What the model knows of a value that a database would hold."""
        if value is None:
            return None
        if name in COUNTED:
            return min(value, MAX_EVICTIONS)
        if self.is_time(name):
            return rounded(value, 0 if name in UNTIL else EARLIEST_TICKS)
        if name == "run_seconds":
            return min(math.ceil(value / HALF_TICK) * HALF_TICK, 5 * HALF_TICK)
        return True if name in self._only_told else value

    def _holds(self, change: StatusChange, values: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        if change.only_if is None:
            return True
        return bool(self._computed(change.only_if.on(self.life.table.c), values, given, change.act))

    def _changed(self, values: dict[str, Any], change: StatusChange, given: Mapping[str, Any]) -> Row:
        written = {
            name: self.known(name, self._computed(value, values, given, change.act))
            for name, value in change.values.items()
            if name in self.place
        }
        return tuple((values | written)[name] for name in self.columns)

    def _computed(self, value: object, values: Mapping[str, Any], given: Mapping[str, Any], act: str) -> Any:
        try:
            return computed(value, {**self._unset, **values}, given)
        except KeyError as error:
            raise NotModelled(f"{act}: the model has no {error}") from error


def rounded(seconds: float, earliest_ticks: int) -> float:
    """A time from now as the middle of its tick, of those that the model tells apart; now itself is past."""
    ticks = math.ceil(seconds / TICK_SECONDS)
    return (min(max(ticks, earliest_ticks), LATEST_TICKS) - 0.5) * TICK_SECONDS
