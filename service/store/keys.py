"""API keys: only their SHA-256 is stored, which is enough for secrets that are long and random."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import Connection, bindparam, delete, insert, literal, select, update

from lockstep.service.store.database import clock, insert_or_ignore, moment
from lockstep.service.store.errors import NotFound, Refused
from lockstep.service.store.ids import new_id
from lockstep.service.store.scopes import INCLUDED, Scope
from lockstep.service.store.tables import api_keys, jobs

ADMIN_KEY_ID = "key_admin"
"""The row of the key that the settings name; a new key there takes the old one's place."""
ADMIN_KEY_NAME = "LOCKSTEP_API_KEY"
ADMIN_OWNER_ID = "owner_admin"
OWNER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")

_VALID = select(
    api_keys.c.id, api_keys.c.owner_id, api_keys.c.name, api_keys.c.scopes, api_keys.c.created_at
).where(api_keys.c.revoked_at.is_(None))
_FIND = _VALID.where(api_keys.c.sha256 == bindparam("hash"))


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A valid key: whose it is, and what it may do. "admin" includes all scopes and everybody's jobs."""

    id: str
    owner_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime

    @property
    def sees(self) -> str | None:
        """The owner whose jobs it may see; None: everybody's. The `owner` of functions that look up jobs."""
        return None if "admin" in self.scopes else self.owner_id


def create(tx: Connection, owner_id: str, name: str, scopes: frozenset[Scope]) -> tuple[str, str]:
    """A new key: its id, and the secret, which can't be read again."""
    key_id, secret = new_id("key"), f"lk_{secrets.token_urlsafe(32)}"
    row = {"id": key_id, "owner_id": owner_id, "name": name, "scopes": _joined(scopes)}
    tx.execute(insert(api_keys).values(created_at=clock()), {**row, "sha256": _hash(secret)})
    return key_id, secret


def known_owner(tx: Connection, name: str) -> str:
    """The owner of that name; raises NotFound where no key and no job is theirs."""
    if name != ADMIN_OWNER_ID and not _exists(tx, name):
        raise NotFound(
            f"no owner is called {name[:80]!r}: `lockstep keys list` shows those that have a key, and "
            "--new-owner makes one"
        )
    return name


def new_owner(tx: Connection, name: str) -> str:
    """An owner that nobody is yet; raises Refused for a name that is taken, or can't be one."""
    if not OWNER_NAME.fullmatch(name):
        message = f"expected a name of 1 to 64 letters, digits, _ and -, got {name[:80]!r}; take another"
        raise Refused("owner_name", message)
    if name == ADMIN_OWNER_ID or _exists(tx, name):
        raise Refused("owner_taken", f"the owner {name!r} is there already: take --owner {name}")
    return name


def _exists(tx: Connection, owner_id: str) -> bool:
    return any(
        tx.execute(select(literal(1)).where(table.c.owner_id == owner_id).limit(1)).one_or_none() is not None
        for table in (api_keys, jobs)
    )


def find(tx: Connection, secret: str) -> ApiKey | None:
    """The key with that secret, unless it is unknown or revoked."""
    row = tx.execute(_FIND, {"hash": _hash(secret)}).one_or_none()
    if row is None:
        return None
    return _api_key(*row)


def admin_key() -> ApiKey:
    """What the settings' key may do, while nobody can look it up."""
    return ApiKey(
        id=ADMIN_KEY_ID,
        owner_id=ADMIN_OWNER_ID,
        name=ADMIN_KEY_NAME,
        scopes=INCLUDED["admin"],
        created_at=datetime.fromtimestamp(0, UTC),
    )


def list_keys(tx: Connection) -> list[ApiKey]:
    """The keys that are valid, the oldest first."""
    rows = tx.execute(_VALID.order_by(api_keys.c.created_at, api_keys.c.id))
    return [_api_key(*row) for row in rows]


def revoke(tx: Connection, key_id: str) -> None:
    """Make a key useless; repeats change nothing. Raises NotFound."""
    known = tx.execute(select(api_keys.c.id).where(api_keys.c.id == key_id)).one_or_none()
    if known is None:
        raise NotFound(f"no key has the id {key_id!r}")
    mine = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    tx.execute(update(api_keys).where(*mine).values(revoked_at=clock()))


def unmake(tx: Connection, key_id: str) -> None:
    """Take out a key that nobody has seen, and its owner too if that has nothing else."""
    tx.execute(delete(api_keys).where(api_keys.c.id == key_id))


def ensure_admin(tx: Connection, secret: str) -> None:
    """Make `secret` the administrator's key of the settings; the one before it no longer works."""
    sha256 = _hash(secret)
    row = {
        "owner_id": ADMIN_OWNER_ID,
        "name": ADMIN_KEY_NAME,
        "sha256": sha256,
        "scopes": _joined(INCLUDED["admin"]),
    }
    tx.execute(delete(api_keys).where(api_keys.c.sha256 == sha256, api_keys.c.id != ADMIN_KEY_ID))
    tx.execute(insert_or_ignore(tx, api_keys).values(created_at=clock()), {"id": ADMIN_KEY_ID, **row})
    tx.execute(
        update(api_keys)
        .where(api_keys.c.id == ADMIN_KEY_ID, api_keys.c.sha256 != sha256)
        .values(created_at=clock(), revoked_at=None, **row)
    )


def _api_key(key_id: str, owner_id: str, name: str, scopes: str, created_at: float) -> ApiKey:
    return ApiKey(
        id=key_id,
        owner_id=owner_id,
        name=name,
        scopes=frozenset(cast(list[Scope], scopes.split())),
        created_at=moment(created_at),
    )


def _joined(scopes: frozenset[Scope]) -> str:
    return " ".join(sorted(scopes))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
