"""Blobs: bytes of any length, named by their SHA-256, kept in rows of at most 8 MiB."""

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, delete, or_, select

from lockstep.service.store import points
from lockstep.service.store.database import Database, insert_or_mend
from lockstep.service.store.errors import Corrupt, NotFound
from lockstep.service.store.tables import blob_parts

PART_BYTES = 8 * 2**20

_PARTS = (
    select(blob_parts.c.data).where(blob_parts.c.sha256 == bindparam("sha256")).order_by(blob_parts.c.part)
)
_FIRST = select(blob_parts.c.data).where(blob_parts.c.sha256 == bindparam("sha256"), blob_parts.c.part == 0)
_HOLD = (
    select(blob_parts.c.part)
    .where(blob_parts.c.sha256 == bindparam("sha256"))
    .with_for_update(read=True, key_share=True)
)

_SURPLUS = delete(blob_parts).where(
    blob_parts.c.sha256 == bindparam("name"),
    or_(blob_parts.c.part >= bindparam("parts"), blob_parts.c.part < 0),
)


def put(tx: Connection, data: bytes) -> str:
    """Keep `data`; returns its SHA-256 in hexadecimal. The same bytes are kept once.

    Parts that are there and damaged become whole again, and those too many go: else those bytes could never
    be stored a second time.
    """
    sha256 = name_of(data)
    for part, piece in enumerate(split(data)):
        _put_part(tx, sha256, part, piece)
    tx.execute(_SURPLUS, {"name": sha256, "parts": part + 1})
    return sha256


def name_of(data: bytes) -> str:
    """The name of the blob that these bytes are, or would be."""
    return hashlib.sha256(data).hexdigest()


def keep(database: Database, data: bytes, sha256: str) -> None:
    """Keep `data` of that SHA-256 as `put` does, each part in a transaction of its own.

    Others write between them. A row names the blob only afterwards, and its transaction holds the blob: until
    then nothing names its parts.
    """
    for part, piece in enumerate(split(data)):
        with database.write() as tx:
            _put_part(tx, sha256, part, piece)


def hold(tx: Connection, data: bytes, sha256: str) -> None:
    """Let the parts of a blob that `keep` has kept stay to the transaction's end.

    A transaction that names it calls this first. Parts that were taken out since are put back; those that it
    never had are damage, and go.
    """
    there = set(tx.execute(_HOLD, {"sha256": sha256}).scalars())
    for part, piece in enumerate(split(data)):
        if part not in there:
            _put_part(tx, sha256, part, piece)
    if not there <= set(range(part + 1)):
        tx.execute(_SURPLUS, {"name": sha256, "parts": part + 1})


def hold_there(tx: Connection, sha256: str) -> bool:
    """Let a blob that another row names stay to the transaction's end; False where it is gone by now.

    Whoever takes blobs out takes all parts of one or none: a part that is held holds them all.
    """
    return bool(tx.execute(_HOLD, {"sha256": sha256}).all())


def _put_part(tx: Connection, sha256: str, part: int, piece: bytes) -> None:
    row = {"sha256": sha256, "part": part, "data": piece}
    tx.execute(insert_or_mend(tx, blob_parts, "data"), row)
    points.PART_KEPT.reach()


def get(tx: Connection, sha256: str) -> bytes:
    """The bytes of that SHA-256; raises NotFound or Corrupt."""
    pieces = tx.execute(_PARTS, {"sha256": sha256}).scalars().all()
    if not pieces:
        raise NotFound(f"no blob has the SHA-256 {sha256}")
    return joined(list(pieces), sha256)


def beginning(tx: Connection, sha256: str) -> bytes:
    """The first 8 MiB of it, unchecked; raises NotFound."""
    first: bytes | None = tx.execute(_FIRST, {"sha256": sha256}).scalar_one_or_none()
    if first is None:
        raise NotFound(f"no blob has the SHA-256 {sha256}")
    return first


def split(data: bytes) -> Iterator[bytes]:
    """`data` in pieces of at most 8 MiB; one empty piece when it is empty."""
    for start in range(0, max(len(data), 1), PART_BYTES):
        yield data[start : start + PART_BYTES]


def joined(pieces: list[bytes], sha256: str) -> bytes:
    """The pieces in one; raises Corrupt when that is not what was stored."""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise Corrupt(f"stored bytes have the SHA-256 {found}, expected {sha256}")
    return data
