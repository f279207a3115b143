"""A stored spec is compared with its SHA-256, whatever part of it is stored elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from lockstep.core.submission import parse_job, resolve
from lockstep.service.store import specs
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Damaged
from lockstep.service.store.jobs import create
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import take_apart
from lockstep.service.store.tables import jobs
from tests.stored_jobs import keep
from tests.worker.bench import LINE, MOONS

LAYERS: dict[str, Any] = {"layers": [{"type": "linear", "in": 1, "out": 1}]}
WEIGHTS = {"0.weight": [[1.5]], "0.bias": [0.5]}
SPECS: dict[str, dict[str, Any]] = {
    "without bulk": MOONS,
    "inline data": LINE,
    "inline data and weights": LINE | {"model": LAYERS | {"initial_weights": WEIGHTS}},
    "a blob": LINE | {"data": {"inline": {"x": [1 / 3] * 5000, "y": [2 / 3] * 5000}}},
    "brackets in words": MOONS | {"name": '}"data":{', "metadata": {"data": "}{", "model": '"'}},
}


def stored(database: Database, raw: dict[str, Any]) -> str:
    parts = take_apart(resolve(parse_job(raw), lambda: 7))
    new = NewJob(
        owner_id="owner",
        spec=keep(database, parts),
        spec_sha256=parts.sha256,
        steps=1,
        workers=1,
        kind="train",
    )
    with database.write() as tx:
        return create(tx, new).id


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_is_read_as_it_was_stored(database: Database, name: str) -> None:
    job_id = stored(database, SPECS[name])
    with database.read() as tx:
        spec = specs.load(tx, job_id)
    assert spec.resolved() == resolve(parse_job(SPECS[name]), lambda: 7)


@pytest.mark.parametrize("name", SPECS)
def test_a_number_that_became_another_is_damage(database: Database, name: str) -> None:
    job_id = stored(database, SPECS[name])
    mine = jobs.c.id == job_id
    with database.write() as tx:
        text = tx.execute(select(jobs.c.spec_json).where(mine)).scalar_one()
        changed = re.sub(r'"learning_rate":0\.(\d+)', r'"learning_rate":0.\g<1>5', text)
        assert changed != text
        tx.execute(update(jobs).where(mine).values(spec_json=changed))

    with database.read() as tx, pytest.raises(Damaged, match="SHA-256 that it was stored under"):
        specs.load(tx, job_id)


def test_inline_data_in_the_row_are_covered_too(database: Database) -> None:
    job_id = stored(database, LINE)
    mine = jobs.c.id == job_id
    with database.write() as tx:
        text = tx.execute(select(jobs.c.inline_json).where(mine)).scalar_one()
        assert text is not None
        tx.execute(update(jobs).where(mine).values(inline_json=text.replace("6", "7")))
    with database.read() as tx, pytest.raises(Damaged):
        specs.load(tx, job_id)
