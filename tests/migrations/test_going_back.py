"""The way back to older tables: refused where they have no place for something, and said so."""

import pytest
from sqlalchemy import select, update

from lockstep.service.store.database import Database
from lockstep.service.store.migrating import (
    HEAD_REVISION,
    UnknownRevision,
    WouldLose,
    go_back,
    is_migrated,
    migrate,
)
from lockstep.service.store.tables import jobs
from tests.migrations.recordings import OF_0005
from tests.stored_jobs import queue_job

CHANGES: list[tuple[dict[str, object], str]] = [
    ({"status": "paused"}, "paused jobs (1)"),
    ({"priority": 5}, "priorities of jobs (1)"),
    ({"max_run_seconds": 60.0}, "limits of time of jobs (1)"),
    ({"cloned_from": "job_1"}, "the jobs that others were cloned from (1)"),
    ({"start_sha256": "0" * 64}, "weights that jobs start from (1)"),
]


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=[named for _, named in CHANGES])
def test_what_would_be_lost_is_named_and_kept(
    database: Database, database_url: str, change: dict[str, object], named: str
) -> None:
    job_id = queue_job(database).id
    with database.write() as tx:
        tx.execute(update(jobs).values(**change))

    with pytest.raises(WouldLose) as caught:
        go_back(database_url, "0005")

    assert named in str(caught.value)
    with database.read() as tx:
        assert is_migrated(tx)
        row = tx.execute(select(jobs).where(jobs.c.id == job_id)).one()
    assert {name: getattr(row, name) for name in change} == change


def test_what_may_be_lost_goes_and_the_job_stays(database: Database, database_url: str) -> None:
    job_id = queue_job(database).id
    with database.write() as tx:
        tx.execute(update(jobs).values(status="paused", priority=5))

    go_back(database_url, "0005", lose=True)
    with database.read() as tx:
        assert not is_migrated(tx)
    migrate(database_url)

    with database.read() as tx:
        row = tx.execute(select(jobs).where(jobs.c.id == job_id)).one()
    assert (row.status, row.priority) == ("queued", 0)


def test_a_database_that_only_came_this_way_goes_back_as_it_was(
    database: Database, database_url: str
) -> None:
    OF_0005.upgraded(database)

    go_back(database_url, "0005")
    migrate(database_url)

    with database.read() as tx:
        kept = {row.id: row for row in tx.execute(select(jobs))}
    for row in OF_0005.rows()["jobs"]:
        assert {name: getattr(kept[row["id"]], name) for name in row} == row


@pytest.mark.parametrize("revision", ["0099", "base", HEAD_REVISION, "last week"])
def test_a_version_that_there_is_not_is_refused(database: Database, database_url: str, revision: str) -> None:
    with pytest.raises(UnknownRevision, match="expected 0001 to 0005"):
        go_back(database_url, revision)
    with database.read() as tx:
        assert is_migrated(tx)
