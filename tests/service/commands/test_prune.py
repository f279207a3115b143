"""`lockstep prune`, and what `lockstep doctor` says of sizes, on a database of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from typer.testing import CliRunner

from lockstep.service.cli import app
from lockstep.service.commands.access import CommandError
from lockstep.service.commands.sizes import in_words
from lockstep.service.store import checkpoints, endings
from lockstep.service.store.database import Database, clock
from lockstep.service.store.tables import checkpoints as table
from lockstep.service.store.tables import jobs
from tests.stored_jobs import RESULT, claim, fenced, queue_job

DAY = 86400.0


@pytest.fixture
def place(tmp_path: Path, migrated_sqlite_path: Path) -> Path:
    """A data directory with a job that ended two days ago, and a checkpoint of it."""
    shutil.copyfile(migrated_sqlite_path, tmp_path / "lockstep.db")
    database = Database(f"sqlite:///{tmp_path / 'lockstep.db'}")
    queue_job(database)
    held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 3, bytes(3 * 2**20)))
    fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    with database.write() as tx:
        tx.execute(update(jobs).values(finished_at=clock() - 2 * DAY))
    database.dispose()
    return tmp_path


def run(place: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--data-dir", str(place)])
    if isinstance(done.exception, CommandError):
        raise done.exception
    return done.stdout


def count(place: Path) -> int:
    database = Database(f"sqlite:///{place / 'lockstep.db'}")
    with database.read() as tx:
        found: int = tx.execute(select(func.count()).select_from(table)).scalar_one()
    database.dispose()
    return found


def test_a_dry_run_says_what_would_go_and_leaves_it(place: Path) -> None:
    said = run(place, "prune", "--dry-run")

    assert "1 checkpoints of jobs that are over, 3.0 MiB" in said
    assert "nothing was taken out" in said
    assert count(place) == 1


def test_what_is_due_goes_and_the_file_gets_shorter(place: Path) -> None:
    before = (place / "lockstep.db").stat().st_size

    found = json.loads(run(place, "prune", "--json"))

    assert found["data"] == [{"of": "checkpoints of jobs that are over", "rows": 1, "size_bytes": 3 * 2**20}]
    assert count(place) == 0
    assert found["database_bytes_before"] - found["database_bytes"] >= 3 * 2**20
    assert (place / "lockstep.db").stat().st_size <= before - 3 * 2**20
    assert json.loads(run(place, "prune", "--json"))["data"] == []


def test_the_settings_say_what_is_due(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_KEEP_CHECKPOINTS_SECONDS", str(3 * DAY))
    assert json.loads(run(place, "prune", "--json"))["data"] == []
    monkeypatch.setenv("LOCKSTEP_KEEP_JOBS_SECONDS", str(DAY))
    assert [each["of"] for each in json.loads(run(place, "prune", "--json"))["data"]] == ["jobs"]


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lockstep.db").touch()

    with pytest.raises(CommandError, match="lockstep migrate"):
        run(tmp_path, "prune")


def test_the_doctor_says_sizes_and_what_goes(place: Path) -> None:
    (place / "logs").mkdir()
    (place / "logs" / "api.log").write_bytes(bytes(2048))

    found = json.loads(run(place, "doctor", "--json"))["data"]
    said = {each["about"]: each["text"] for each in found}

    assert "checkpoints 3.0 MiB" in said["size"]
    assert "1 checkpoints of jobs that are over (3.0 MiB)" in said["retention"]
    assert said["logs"].startswith("2.0 KiB in 1 files")
    run(place, "prune")
    again = json.loads(run(place, "doctor", "--json"))["data"]
    assert "nothing has been kept longer" in {each["about"]: each["text"] for each in again}["retention"]


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
