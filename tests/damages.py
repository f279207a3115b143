"""Ways in which what is stored of a job can be damaged, for tests to cross with whoever reads it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, delete, select, text, update

from lockstep.service.store.database import Database
from lockstep.service.store.errors import RecordPart
from lockstep.service.store.tables import (
    blob_parts,
    checkpoint_parts,
    checkpoints,
    events,
    history,
    jobs,
    replays,
    weights,
)

TOO_DEEP = 100_000
"""More brackets than any reader follows."""
NO_UTF8 = b'{"a": "\xff"}'

TEXTS: Mapping[str, str | bytes] = {
    "cut short": '{"a": [1, 2',
    "empty": "",
    "no object": "[1, 2]",
    "null": "null",
    "another object": '{"stray": {"x": 1}}',
    "half a surrogate": '{"a": "\\ud800"}',
    "too deep": "[" * TOO_DEEP,
    "a number too long": '{"steps": ' + "1" * 5000 + "}",
    "no UTF-8": NO_UTF8,
}
"""What may stand where a JSON object stood."""


@dataclass(frozen=True, kw_only=True)
class Harm:
    """One kind of damage to one part of a job."""

    name: str
    part: RecordPart
    do: Callable[[Connection, str], None]

    def __str__(self) -> str:
        return self.name


def harm(database: Database, damage: Harm, job_id: str) -> None:
    """Damage a job, in a transaction of its own."""
    with database.write() as tx:
        damage.do(tx, job_id)


def write_text(
    tx: Connection, table: Table, column: str, value: str | bytes, job_id: str, event: str = "status"
) -> None:
    """Put text into a column of the job's rows (of events: those of that type), on SQLite even text that is
    none."""
    key = "id" if table is jobs else "job_id"
    if isinstance(value, bytes) and tx.dialect.name == "postgresql":
        value = value.decode("latin-1")[:-1]  # PostgreSQL takes nothing but UTF-8: then at least no JSON
    found = f"UPDATE {table.name} SET {column} = CAST(:value AS TEXT) WHERE {key} = :job_id"  # noqa: S608
    values = {"value": value, "job_id": job_id}
    if table is events:
        found += " AND type = :event"
        values["event"] = event
    assert tx.execute(text(found), values).rowcount


def in_text(part: RecordPart, table: Table, column: str) -> Iterator[Harm]:
    """Each kind of wrong text in a column that holds a JSON object."""

    def doing(value: str | bytes) -> Callable[[Connection, str], None]:
        return lambda tx, job_id: write_text(tx, table, column, value, job_id)

    for kind, value in TEXTS.items():
        yield Harm(name=f"{column}: {kind}", part=part, do=doing(value))


def in_blob(part: RecordPart, name: str, owner: Column[str] | Column[str | None]) -> Iterator[Harm]:
    """Each kind of damage to a blob that a row names in the column `owner`."""

    def sha256(tx: Connection, job_id: str) -> str:
        key = owner.table.c.id if owner.table is jobs else owner.table.c.job_id
        found = tx.execute(select(owner).where(key == job_id)).scalar_one()
        assert found is not None
        return found

    def with_bytes(change: Callable[[bytes], bytes]) -> Callable[[Connection, str], None]:
        def do(tx: Connection, job_id: str) -> None:
            mine = blob_parts.c.sha256 == sha256(tx, job_id)
            data = tx.execute(select(blob_parts.c.data).where(mine)).scalar_one()
            tx.execute(update(blob_parts).where(mine).values(data=change(data)))

        return do

    def lose(tx: Connection, job_id: str) -> None:
        tx.execute(delete(blob_parts).where(blob_parts.c.sha256 == sha256(tx, job_id)))

    def misname(tx: Connection, job_id: str) -> None:
        key = owner.table.c.id if owner.table is jobs else owner.table.c.job_id
        tx.execute(update(owner.table).where(key == job_id).values({owner.name: "0" * 64}))

    yield Harm(name=f"{name}: a byte changed", part=part, do=with_bytes(changed))
    yield Harm(name=f"{name}: cut short", part=part, do=with_bytes(lambda data: data[:-1]))
    yield Harm(name=f"{name}: empty", part=part, do=with_bytes(lambda _: b""))
    yield Harm(name=f"{name}: lost", part=part, do=lose)
    yield Harm(name=f"{name}: another name", part=part, do=misname)


def changed(data: bytes) -> bytes:
    """The same but for one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def in_history() -> Iterator[Harm]:
    """Each kind of damage to the chunks of a job's series."""

    def setting(**values: object) -> Callable[[Connection, str], None]:
        return lambda tx, job_id: _touch(tx, job_id, values)

    for name, values in (
        ("cut short", {"points": b"\0" * 5}),
        ("empty", {"points": b""}),
        ("another kind of number", {"dtype": "text"}),
        ("another size", {"size": 7}),
        ("no steps", {"stride": 0, "steps": None}),
        ("other steps", {"stride": 0, "steps": b"\0" * 8}),
        ("another end", {"last_step": 2**40}),
    ):
        yield Harm(name=f"history: {name}", part="history", do=setting(**values))


def _touch(tx: Connection, job_id: str, values: Mapping[str, object]) -> None:
    assert tx.execute(update(history).where(history.c.job_id == job_id).values(**values)).rowcount


INLINE_LINES: Mapping[str, str] = {
    "one line": '{"x": [1], "y": [2]}',
    "three lines": "null\nnull\nnull",
    "no JSON": '{"x": [1,\nnull',
    "NaN": '{"x": [NaN], "y": [1]}\nnull',
    "empty": "",
}


def _in_row(kind: str) -> Harm:
    def do(tx: Connection, job_id: str) -> None:
        values = {"inline_json": INLINE_LINES[kind], "inline_sha256": None}
        tx.execute(update(jobs).where(jobs.c.id == job_id).values(**values))

    return Harm(name=f"inline_json: {kind}", part="inline_data", do=do)


def damage_checkpoint(
    tx: Connection, job_id: str, step: int, change: Callable[[bytes], bytes], *, sign: bool = False
) -> None:
    """Change the bytes of a checkpoint; `sign`: say that these are what was saved."""
    mine = (checkpoint_parts.c.job_id == job_id, checkpoint_parts.c.step == step)
    data = change(tx.execute(select(checkpoint_parts.c.data).where(*mine)).scalar_one())
    tx.execute(update(checkpoint_parts).where(*mine).values(data=data))
    if sign:
        its = (checkpoints.c.job_id == job_id, checkpoints.c.step == step)
        tx.execute(update(checkpoints).where(*its).values(sha256=hashlib.sha256(data).hexdigest()))


def lose_checkpoint(tx: Connection, job_id: str, step: int) -> None:
    """Lose the bytes of a checkpoint."""
    mine = (checkpoint_parts.c.job_id == job_id, checkpoint_parts.c.step == step)
    assert tx.execute(delete(checkpoint_parts).where(*mine)).rowcount


def _cut_expression(tx: Connection, job_id: str) -> None:
    mine = jobs.c.id == job_id
    spec_json = tx.execute(select(jobs.c.spec_json).where(mine)).scalar_one()
    assert "a*x + b" in spec_json
    tx.execute(update(jobs).where(mine).values(spec_json=spec_json.replace("a*x + b", "a*x + ")))


EXPRESSION = Harm(name="an expression cut short", part="spec", do=_cut_expression)
"""Of a job that has one: a spec in its form, which nobody would have accepted."""
SPEC = tuple(in_text("spec", jobs, "spec_json"))
INLINE_BLOB = tuple(in_blob("inline_data", "the inline data's blob", jobs.c.inline_sha256))
INLINE_ROW = tuple(_in_row(kind) for kind in INLINE_LINES)
METADATA = tuple(in_text("metadata", jobs, "metadata_json"))
RESULT = tuple(in_text("result", jobs, "result_json"))
TRANSITIONS = tuple(in_text("transitions", events, "data_json"))
WEIGHTS = tuple(in_blob("weights", "the weights' blob", weights.c.sha256))
PREPROCESSING = tuple(in_text("preprocessing", weights, "preprocessing_json"))
HISTORY = tuple(in_history())
ANSWER = tuple(in_blob("weights", "the answer's blob", replays.c.result_sha256))
