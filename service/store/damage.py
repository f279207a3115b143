"""What can't be read any more of a job's record: told in words, so that the rest stays of use.

Disks, restored copies and people at the database's prompt damage rows. Code that reads a job reads what is
left of it and says what is missing; code that needs the missing part raises Damaged.
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from lockstep.service.store.errors import Damaged, RecordPart

REMEDY = "restore the database from a backup, or submit the job again"
MAX_REASON = 300
"""Characters of a reason that are told."""
_NAMES: dict[RecordPart, str] = {
    "spec": "the stored spec",
    "inline_data": "the stored inline data (or initial weights)",
    "metadata": "the stored metadata",
    "result": "the stored result",
    "transitions": "the record of the status's changes",
    "times": "a time of the job",
    "counts": "a number of the job",
    "weights": "the stored weights",
    "preprocessing": "the stored preprocessing of the inputs",
    "history": "the stored history",
}


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A part of a job that can't be read, and in words why not and what to do."""

    part: RecordPart
    message: str


def damage(part: RecordPart, reason: object) -> Damage:
    """The damage of a part, for a reason that completes "it is damaged: ..."."""
    text = str(reason)
    short = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
    return Damage(part=part, message=f"{_NAMES[part]} {explained(short)}")


def explained(reason: str) -> str:
    """A reason and what to do."""
    return f"can't be read ({reason}); {REMEDY}"


def damaged(part: RecordPart, job_id: str, reason: object) -> Damaged:
    """The error of code that needs that part of the job."""
    return Damaged(part, f"{job_id}: {damage(part, reason).message}")


def json_object(text: str, *, finite: bool = False) -> dict[str, Any]:
    """A JSON object that was stored as text; raises ValueError that says what stands there instead.

    `finite`: refuses NaN and infinities, which JSON proper does not know.
    """
    value = parsed(text, finite=finite)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def parsed(text: str, *, finite: bool = False) -> Any:
    """JSON that was stored as text; raises ValueError as `json_object`."""
    try:
        value = json.loads(text, parse_constant=_refuse if finite else None)
        if "\\ud" in text or "\\uD" in text:
            # An escaped half of a surrogate pair is a str that no UTF-8 can hold.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair") from error
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("it is not JSON: too many brackets inside each other") from error
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
