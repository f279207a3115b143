"""A chunk of history is what was packed, or is told to be damaged: whatever bit of it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from lockstep.core.learning.report import Points
from lockstep.service.store import history
from lockstep.service.store.database import Database
from lockstep.service.store.history import FULL_CHUNK_POINTS
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.tables import history as table
from tests.stored_jobs import claim, fenced, points, queue_job

EVEN = points(0, 3.0, 2.0, 1.0)
UNEVEN = Points(steps=np.array([0, 1, 5]), values=np.array([3.0, 2.0, 1.0]))
NUMBERS = ("first_step", "last_step", "size", "stride", "checksum")


def recorded(database: Database, given: Points) -> JobClaim:
    """A running job with these points of its loss."""
    queue_job(database)
    held = claim(database)
    add(database, held, given)
    return held


def add(database: Database, held: JobClaim, given: Points) -> None:
    fenced(database, held, lambda fence: history.append(fence, {"loss": given}))


def row_of(database: Database, held: JobClaim) -> dict[str, Any]:
    with database.read() as tx:
        (row,) = tx.execute(select(table).where(table.c.job_id == held.job_id)).mappings()
    return dict(row)


def set_row(database: Database, held: JobClaim, values: dict[str, Any]) -> None:
    with database.write() as tx:
        tx.execute(update(table).where(table.c.job_id == held.job_id).values(**values))


def flips(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A change of each bit of the row's bytes, of the lowest 40 of its numbers, and of its words."""
    found: list[dict[str, Any]] = []
    for column in ("points", "steps"):
        data: bytes = row[column] or b""
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            found.append({column: bytes(changed)})
    found += [{column: row[column] ^ (1 << bit)} for column in NUMBERS for bit in range(24)]
    found += [{"series": "lors"}, {"dtype": "float32"}, {"dtype": "floau64"}]
    return found + [{column: row[column][:-1]} for column in ("points", "steps") if row[column]]


@pytest.mark.parametrize("given", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_no_bit_of_a_chunk_changes_unnoticed(database: Database, given: Points) -> None:
    held = recorded(database, given)
    row = row_of(database, held)
    for change in flips(row):
        set_row(database, held, change)
        with database.read() as tx:
            found = history.read(tx, held.job_id)
            assert history.at(tx, held.job_id, "loss", 1) is None, change
        assert dict(found.series) == {}, change
        assert [gap.series for gap in found.gaps] == [change.get("series", "loss")], change
        set_row(database, held, {name: row[name] for name in change})
    with database.read() as tx:
        assert history.read(tx, held.job_id).series["loss"].values.tolist() == [3.0, 2.0, 1.0]


def test_chunks_of_versions_before_have_no_checksum_and_are_read(database: Database) -> None:
    held = recorded(database, EVEN)
    set_row(database, held, {"checksum": None})

    with database.read() as tx:
        assert history.read(tx, held.job_id).gaps == ()
    add(database, held, points(3, 0.5))

    assert row_of(database, held)["checksum"] is not None


@pytest.mark.parametrize("again_from", [0, 1, 3])
def test_a_job_goes_on_whatever_bit_of_its_history_changed(database: Database, again_from: int) -> None:
    """Steps done again, and later ones: nothing is refused, and what is told is what was computed."""
    truth = [3.0, 2.0, 1.0, 0.5, 0.25]
    held = recorded(database, EVEN)
    for change in flips(row_of(database, held))[:: 7 if again_from else 1]:
        mine = recorded(database, EVEN)
        set_row(database, mine, change)

        add(database, mine, points(again_from, *truth[again_from:4]))
        add(database, mine, points(4, *truth[4:]))

        with database.read() as tx:
            told = history.read(tx, mine.job_id)
        loss = told.series["loss"]
        assert loss.values.tolist() == [truth[step] for step in loss.steps], change
        assert 4 in loss.steps or change.get("first_step") == 4, change
        assert told.gaps, change


def test_a_damaged_chunk_between_others_is_a_hole_that_replays_pass_over(database: Database) -> None:
    values = np.arange(2.5 * FULL_CHUNK_POINTS)
    held = recorded(database, points(0, *values[:FULL_CHUNK_POINTS]))
    add(database, held, points(FULL_CHUNK_POINTS, *values[FULL_CHUNK_POINTS:]))
    with database.write() as tx:
        mine = (table.c.job_id == held.job_id, table.c.first_step == 0)
        tx.execute(update(table).where(*mine).values(last_step=100))

    add(database, held, points(50, *values[50:], 7.0))

    with database.read() as tx:
        told = history.read(tx, held.job_id)
    assert told.series["loss"].values.tolist() == [*values[FULL_CHUNK_POINTS:], 7.0]
    (gap,) = told.gaps
    assert replace(gap, reason="") == history.Gap(series="loss", first_step=0, last_step=100, reason="")
