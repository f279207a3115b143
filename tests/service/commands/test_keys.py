"""`lockstep keys`, on a database of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.service.cli import app
from lockstep.service.commands.access import CommandError
from lockstep.service.store import jobs, keys
from lockstep.service.store.database import Database
from tests.local_service import command
from tests.stored_jobs import NEW, OWNER

FULL = Path("/dev/full")


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
        (("a" * 201,), "at most 200 characters, got 201"),
        *(
            ((sign * 3,), "expected a name")
            for sign in ("\u3164", "\u2800", "\u200d", "\u115f", "\ufe0f", "\U000e0041", "\u00a0")
        ),
        (("a\u3164",), r"U\+3164 at position 1"),
        (("a\u200bb",), "expected a name"),
    ],
)
def test_what_is_refused_makes_no_key(
    place: Path, stored: Database, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        add(place, *arguments)

    with stored.read() as tx:
        assert [key.name for key in keys.list_keys(tx)] == ["stored"]


def test_the_list_as_json_has_everything(place: Path, stored: Database) -> None:
    add(place, "Zoë", "--scope", "admin", "--new-owner", "zoe")
    done = CliRunner().invoke(app, ["keys", "list", "--json", "--data-dir", str(place)])

    listed = json.loads(done.stdout)
    assert listed["object"] == "list"
    assert [(key["name"], key["scopes"], key["owner"]) for key in listed["data"]] == [
        ("stored", ["read"], "owner_01k9"),
        ("Zoë", ["read", "write", "admin", "metrics"], "zoe"),
    ]
    with stored.read() as tx:
        assert [(key["id"], datetime.fromisoformat(key["created_at"])) for key in listed["data"]] == [
            (key.id, key.created_at) for key in keys.list_keys(tx)
        ]


@pytest.mark.parametrize(
    ("output", "said"),
    [("full", "No space left on device"), ("unread", "Broken pipe"), ("closed", "output is closed")],
)
def test_a_key_that_cannot_be_shown_is_not_made(
    place: Path, stored: Database, output: str, said: str
) -> None:
    words = command("keys", "add", "lost", "--new-owner", "anna", "--data-dir", str(place))
    if output == "closed":
        words = ["sh", "-c", 'exec "$0" "$@" >&-', *words]
    with outputs(output) as stdout:
        done = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
    with stored.read() as tx:
        assert [key.name for key in keys.list_keys(tx)] == ["stored"]
    add(place, "found", "--new-owner", "anna")


@contextmanager
def outputs(kind: str) -> Iterator[int | None]:
    """A standard output that is full, or that nobody reads; None: whatever there is."""
    if kind == "closed":
        yield None
        return
    if kind == "full":
        if not FULL.exists():
            pytest.skip("/dev/full is Linux's")
        descriptor = os.open(FULL, os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_key_that_can_be_neither_shown_nor_taken_back_is_named(place: Path, stored: Database) -> None:
    with stored.write() as tx:
        tx.exec_driver_sql(
            "CREATE TRIGGER kept BEFORE DELETE ON api_keys BEGIN SELECT RAISE(ABORT, 'none goes'); END"
        )
    words = command("keys", "add", "lost", "--data-dir", str(place))
    with outputs("full") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    with stored.read() as tx:
        [lost] = [key for key in keys.list_keys(tx) if key.name == "lost"]
    assert f"nor taken back (none goes): it is valid; `lockstep keys revoke {lost.id}" in done.stderr
