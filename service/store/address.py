"""Addresses of databases: made of a path, and read."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

EXPECTED = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
"""`postgres` is what hosting services hand out."""


class BadAddress(ValueError):
    """An address that leads to no database; the message holds no password."""


def sqlite_url(path: Path) -> str:
    """The address of the SQLite database in a file, whatever signs are in its path."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def read_address(text: str) -> URL:
    """An address, with the driver that Lockstep uses. Raises BadAddress."""
    try:
        address = make_url(text)
        backend = address.drivername
    except (ArgumentError, ValueError, TypeError) as error:
        reason = "its port is not a number" if isinstance(error, ValueError) else "it is not an address"
        raise BadAddress(f"expected {EXPECTED}, got one that can't be read: {reason}") from error
    if _splits_password(address, text):
        raise BadAddress(
            f"expected {EXPECTED}, got one with an @ too many: "
            "in a password @ is written %40, / %2F and ? %3F"
        )
    if backend in _POSTGRESQL:
        return address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        _require_file(address)
        return address
    raise BadAddress(f"expected {EXPECTED}, got an address that starts with {backend}://")


def _splits_password(address: URL, text: str) -> bool:
    """Whether what follows the user looks like the rest of a password, which messages would then quote.

    The names of a user and of a database may hold an @, and so may the values of parameters.
    """
    if address.host is None:
        return False
    behind = re.sub(r"[][]", "", text).rpartition(f"@{address.host}")[2].partition("?")[2]
    return (
        "@" in address.host
        or "/" in (address.database or "").partition("@")[2]
        or any("@" in each.partition("=")[0] for each in behind.split("&"))
    )


def _require_file(address: URL) -> None:
    if address.host or address.username or address.port:
        raise BadAddress(
            f"expected a path after sqlite:///, got {address.render_as_string()} with a host: "
            "three slashes begin a path in the working folder, four an absolute one"
        )
    if address.database in (None, "", ":memory:"):
        raise BadAddress("expected an SQLite database in a file, such as sqlite:///.lockstep/lockstep.db")
    if address.query:
        raise BadAddress(
            f"expected nothing after the path of an SQLite database, got ?{'&'.join(address.query)}; "
            "a ? in a file's name is written %3F"
        )
