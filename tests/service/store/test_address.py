"""Any path makes an address that leads back to it; what leads nowhere is said without its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep.service.store.address import BadAddress, read_address, sqlite_url
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import is_migrated, migrate

ODD = (
    "?",
    "#",
    "%",
    "%41",
    ";",
    "@",
    "&",
    "=",
    "+",
    ":",
    " ",
    "ä",
    "名",
    "'",
    '"',
    "\\",
    "a:b@c",
    "~",
    "[x]",
)


@pytest.mark.parametrize("sign", ODD)
def test_a_database_lies_where_its_path_says(tmp_path: Path, sign: str) -> None:
    folder = tmp_path / f"x{sign}y"
    folder.mkdir()
    path = folder / "lockstep.db"

    migrate(sqlite_url(path))
    database = Database(sqlite_url(path), checkpoints_wal=True)
    with database.read() as tx:
        assert is_migrated(tx)
    database.dispose()

    assert path.is_file()
    assert {each.name for each in tmp_path.iterdir()} == {folder.name}


def test_a_relative_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    migrate(sqlite_url(Path("my data?.db")))

    assert (tmp_path / "my data?.db").is_file()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_name_of_postgresql_is_taken(scheme: str) -> None:
    address = read_address(f"{scheme}://anna:s%40cret@db.example:6432/jobs?sslmode=require")

    assert address.drivername == "postgresql+psycopg"
    assert (address.username, address.password, address.host) == ("anna", "s@cret", "db.example")
    assert (address.port, address.database, address.query["sslmode"]) == (6432, "jobs", "require")


@pytest.mark.parametrize(
    "rest",
    [
        "u@x:p%40q@h/db",
        "u:p@h/d@b",
        "u:p@h/db?application_name=a@b",
        "u:p@[::1]/db?application_name=a@b",
        "u:p/q?r#s:t@h/db",
    ],
)
def test_an_at_in_other_places_is_taken(rest: str) -> None:
    address = read_address(f"postgresql://{rest}")

    assert address.host in ("h", "::1")
    assert address.password in ("p", "p@q", "p/q?r#s:t")


BAD = {
    "": "not an address",
    "nonsense": "not an address",
    "lockstep.db": "not an address",
    "sqlite://": "in a file",
    "sqlite:///:memory:": "in a file",
    "sqlite://lockstep.db": "three slashes",
    "sqlite:///a.db?mode=ro": "%3F",
    "postgresql://u:secret@host:port/db": "port",
    "mysql://u:secret@host/db": "mysql",
    "postgresql+asyncpg://u:secret@host/db": "asyncpg",
    "://": "not an address",
    "postgresql://u:a@secret@host:1/db": "%40",
    "postgresql://u:@secret@host/db": "%40",
    "postgresql://u:a@secret/secret@host:1/db": "%40",
    "postgresql://u:a@secret?secret@host/db": "%40",
    "postgres://u:a@secret@[::1]/db": "port",
    "sqlite://u:a@secret@host/db": "%40",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_address_says_what_was_expected_and_keeps_the_password(text: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        read_address(text)

    assert "expected" in str(refusal.value)
    assert BAD[text] in str(refusal.value)
    assert "secret" not in str(refusal.value)
