"""`lockstep keys`, on a database of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.service.cli import app
from lockstep.service.commands.access import CommandError
from lockstep.service.store import jobs, keys
from lockstep.service.store.database import Database
from tests.stored_jobs import NEW, OWNER


@pytest.fixture
def place(tmp_path: Path, migrated_sqlite_path: Path) -> Path:
    """A data directory with a database."""
    shutil.copyfile(migrated_sqlite_path, tmp_path / "lockstep.db")
    return tmp_path


@pytest.fixture
def stored(place: Path) -> Database:
    """The same database, where a key and a job of the version before have owners of their own."""
    database = Database(f"sqlite:///{place / 'lockstep.db'}")
    with database.write() as tx:
        keys.create(tx, "owner_01k9", "stored", frozenset({"read"}))
        jobs.create(tx, NEW)
    return database


def add(place: Path, *arguments: str) -> str:
    """Make a key; returns its secret."""
    done = CliRunner().invoke(app, ["keys", "add", *arguments, "--data-dir", str(place)])
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout.strip().splitlines()[-1]


def owner_of(database: Database, secret: str) -> str:
    with database.read() as tx:
        found = keys.find(tx, secret)
    assert found is not None
    return found.owner_id


def test_a_key_is_the_administrators_unless_it_says_whose(place: Path, stored: Database) -> None:
    assert owner_of(stored, add(place, "reader", "--scope", "read")) == keys.ADMIN_OWNER_ID
    assert owner_of(stored, add(place, "anna", "--new-owner", "anna")) == "anna"
    assert owner_of(stored, add(place, "anna's other", "--owner", "anna")) == "anna"
    assert owner_of(stored, add(place, "more", "--owner", "owner_01k9")) == "owner_01k9"
    assert owner_of(stored, add(place, "of a job's", "--owner", OWNER)) == OWNER
    with stored.read() as tx:
        assert {key.name: key.owner_id for key in keys.list_keys(tx)}["stored"] == "owner_01k9"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x", "--owner", "nobody"), "--new-owner"),
        (("x", "--owner", ""), "--new-owner"),
        (("x", "--new-owner", "owner_01k9"), "--owner owner_01k9"),
        (("x", "--new-owner", OWNER), "is there already"),
        (("x", "--new-owner", keys.ADMIN_OWNER_ID), "is there already"),
        (("x", "--new-owner", ""), "1 to 64 letters"),
        (("x", "--new-owner", "a b"), "1 to 64 letters"),
        (("x", "--new-owner", "a" * 65), "1 to 64 letters"),
        (("x", "--new-owner", "a", "--owner", "a"), "got both"),
        (("",), "expected a name"),
        (("  ",), "expected a name"),
        (("a\nb",), "expected a name"),
        (("a\u202eb",), "expected a name"),
    ],
)
def test_what_is_refused_makes_no_key(
    place: Path, stored: Database, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        add(place, *arguments)

    with stored.read() as tx:
        assert [key.name for key in keys.list_keys(tx)] == ["stored"]
