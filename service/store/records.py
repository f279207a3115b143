"""The parts of a job's row that are JSON, read one by one: a damaged one is noted, the rest still told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType, NoneType
from typing import Any

from sqlalchemy import Connection, Row

from lockstep.service.store.damage import Damage, damage, json_object
from lockstep.service.store.database import moment_or_none
from lockstep.service.store.errors import Damaged, RecordPart
from lockstep.service.store.specs import held

JobRow = Row[*tuple[Any, ...]]
_RESULT: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "steps": (int,),
        "stop_reason": (str,),
        "loss": (int, float, NoneType),
        "metrics": (dict,),
        "parameters": (dict, NoneType),
        "weights_sha256": (str, NoneType),
    }
)
"""What a job's result holds, and of what kinds."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What could not be read of a row so far."""

    damage: list[Damage] = field(default_factory=list)

    def missed(self, part: RecordPart, reason: object) -> None:
        """Note a part and why it can't be read."""
        self.damage.append(damage(part, reason))


def read_time(seconds: float | None, readings: Readings) -> datetime | None:
    """A time of the job; None where there is none, or what SQLite holds there is no time."""
    try:
        return moment_or_none(seconds)
    except (TypeError, ValueError, OverflowError):
        readings.missed("times", f"expected seconds, found {seconds!r}")
        return None


def read_count(row: JobRow, name: str, readings: Readings) -> int:
    """A column that counts something; 0 where what SQLite holds there is no whole number."""
    count = getattr(row, name)
    if not isinstance(count, int):
        readings.missed("counts", no_count(name, count))
        return 0
    return count


def no_count(name: str, found: object) -> str:
    """Why a column's value can't be read."""
    return f"expected a whole number in {name}, found {found!r}"


def read_metadata(row: JobRow, readings: Readings) -> Mapping[str, str] | None:
    """The job's metadata; None where they are damaged."""
    try:
        values = json_object(row.metadata_json)
        if not all(isinstance(value, str) for value in values.values()):
            raise ValueError("expected words as values")
    except ValueError as error:
        readings.missed("metadata", error)
        return None
    return values


def read_result(row: JobRow, readings: Readings) -> Mapping[str, Any] | None:
    """The job's result; None where there is none, or a damaged one.

    That of a job which verifies another says what its weights were compared with, and what came of it. This
    follows from the row, whichever version of Lockstep wrote the rest.
    """
    if row.result_json is None:
        return None
    try:
        result = json_object(row.result_json)
        _require_result(result)
    except ValueError as error:
        readings.missed("result", error)
        return None
    if row.verifies is None:
        return result
    found, expected = result["weights_sha256"], row.expected_sha256
    compared = {} if found is None else {"matches": found == expected}
    return {**result, "expected_sha256": expected, **compared}


def read_spec(row: JobRow, readings: Readings) -> str:
    """The spec without its bulk, as JSON; null where it is damaged."""
    try:
        json_object(row.spec_json, finite=True)
    except ValueError as error:
        readings.missed("spec", error)
        return "null"
    spec_json: str = row.spec_json
    return spec_json


def read_held_spec(tx: Connection, row: JobRow, readings: Readings) -> str:
    """The spec with the bulk that its row holds; without it where that is damaged, null where all is."""
    try:
        return held(tx, row)
    except Damaged as error:
        readings.missed(error.part, error.__cause__)
        return read_spec(row, Readings())


def _require_result(result: Mapping[str, Any]) -> None:
    """Refuse what is not, in its outlines, what every version of Lockstep has written."""
    wrong = [name for name, kinds in _RESULT.items() if not isinstance(result.get(name), kinds)]
    if not wrong and (result["weights_sha256"] is None) != ("not_comparable" in result):
        wrong = ["weights_sha256"]
    if wrong:
        raise ValueError(f"expected a job's result, found another {' and '.join(wrong)}, or none")
