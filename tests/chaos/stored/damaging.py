"""One damage at a time to one value that is stored: a bit, a piece, the rest of it, or the row."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKPOINTS, BLOBS, HISTORY, SPEC = "checkpoints", "blobs", "history", "spec"
TARGETS: tuple[tuple[str, str, str, int], ...] = (
    (CHECKPOINTS, "checkpoint_parts", "data", 30),
    (CHECKPOINTS, "checkpoint_parts", "part", 2),
    (CHECKPOINTS, "checkpoints", "sha256", 4),
    (CHECKPOINTS, "checkpoints", "step", 2),
    (CHECKPOINTS, "checkpoints", "attempt", 2),
    (BLOBS, "blob_parts", "data", 20),
    (BLOBS, "blob_parts", "part", 2),
    (BLOBS, "blob_parts", "sha256", 2),
    (BLOBS, "weights", "sha256", 2),
    (BLOBS, "replays", "result_sha256", 2),
    (BLOBS, "jobs", "inline_sha256", 2),
    (HISTORY, "history", "points", 15),
    *((HISTORY, "history", column, 2) for column in ("steps", "dtype", "size", "stride", "series")),
    *((HISTORY, "history", column, 2) for column in ("first_step", "last_step", "checksum")),
    (SPEC, "jobs", "spec_json", 10),
    (SPEC, "jobs", "inline_json", 6),
    (SPEC, "jobs", "spec_sha256", 2),
)
"""What is hit: a word for it, the table, the column, and how often it is chosen among the others."""
LOSABLE = ("checkpoint_parts", "checkpoints", "blob_parts")
"""Tables whose rows may be lost too. A lost chunk of a history can't be told from one that never was."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What was done: the sort of thing that was hit, and in words where and how."""

    what: str
    words: str


def damage(path: Path, chance: random.Random) -> Hit | None:
    """Damage one value in the database at `path`; None where there is none, or it can't be damaged so."""
    weights = [weight for *_, weight in TARGETS]
    what, table, column, _ = chance.choices(TARGETS, weights)[0]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        rows = connection.execute(
            f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608  (names of ours)
        ).fetchall()
        if not rows:
            return None
        row, value = chance.choice(rows)
        if table in LOSABLE and chance.random() < 0.1:
            connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))  # noqa: S608
            return Hit(what=what, words=f"a row of {table} is lost")
        changed, how = _changed(value, chance)
        if changed == value:
            return None
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))  # noqa: S608
        except sqlite3.IntegrityError:  # no row can stand so
            return None
        return Hit(what=what, words=f"{table}.{column}: {how}")
    finally:
        connection.close()


def _changed(value: Any, chance: random.Random) -> tuple[Any, str]:
    if isinstance(value, int):
        bit = chance.randrange(40)
        return value ^ (1 << bit), f"bit {bit} flipped"
    if isinstance(value, str):
        data, how = _changed_bytes(value.encode("utf-8", "surrogateescape"), chance)
        return data.decode("utf-8", "replace").replace("\0", " "), how
    return _changed_bytes(value, chance)


def _changed_bytes(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    if not data:
        return b"\1", "a byte where there was none"
    place = chance.randrange(len(data))
    match chance.choice(("bit", "bit", "bit", "cut", "zeros", "longer")):
        case "bit":
            bit = chance.randrange(8)
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            return bytes(changed), f"bit {bit} of byte {place} flipped"
        case "cut":
            return data[:place], f"cut off at byte {place}"
        case "zeros":
            end = min(place + chance.randrange(1, 4097), len(data))
            return data[:place] + bytes(end - place) + data[end:], f"zeros in bytes {place} to {end}"
    return data + bytes(chance.randrange(1, 9)), "longer by some zeros"
