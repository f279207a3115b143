"""Lists of jobs: filters, orders, and pages that stay what they are."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise

import pytest

from lockstep.service.store import endings
from lockstep.service.store.database import Database
from lockstep.service.store.errors import NotFound
from lockstep.service.store.listing import ORDERS, JobFilter, Order, list_jobs
from tests.stored_jobs import NEW, OWNER, RESULT, cancel, claim, fenced, get, queue_job

EVERYTHING = JobFilter(owner=None)


def list_ids(database: Database, wanted: JobFilter) -> list[str]:
    with database.read() as tx:
        return [job.id for job in list_jobs(tx, wanted).jobs]


def pages(database: Database, wanted: JobFilter) -> Iterator[list[str]]:
    """Page after page."""
    while True:
        with database.read() as tx:
            page = list_jobs(tx, wanted)
        yield [job.id for job in page.jobs]
        if not page.has_more:
            return
        wanted = replace(wanted, after=page.jobs[-1].id)


def named(database: Database, *names: str | None) -> list[str]:
    return [queue_job(database, replace(NEW, name=name)).id for name in names]


def test_pages_are_stable_while_jobs_come(database: Database) -> None:
    made = [queue_job(database).id for _ in range(5)]
    with database.read() as tx:
        first = list_jobs(tx, JobFilter(owner=OWNER, limit=2))
    assert [job.id for job in first.jobs] == made[:2:-1]
    assert first.has_more
    queue_job(database)
    with database.read() as tx:
        second = list_jobs(tx, JobFilter(owner=OWNER, limit=3, after=first.jobs[-1].id))
    assert [job.id for job in second.jobs] == made[2::-1]
    assert not second.has_more


def test_lists_by_status_kind_metadata(database: Database) -> None:
    a = queue_job(database, replace(NEW, metadata={"team": "a", "run": "1"})).id
    b = queue_job(database, replace(NEW, metadata={"team": "b", "run": "1"})).id
    claim(database)
    assert list_ids(database, EVERYTHING) == [b, a]
    assert list_ids(database, replace(EVERYTHING, owner="owner_b")) == []
    assert list_ids(database, replace(EVERYTHING, statuses=("running",))) == [a]
    assert list_ids(database, replace(EVERYTHING, statuses=("running", "queued"))) == [b, a]
    assert list_ids(database, replace(EVERYTHING, statuses=("failed", "queued"))) == [b]
    assert list_ids(database, replace(EVERYTHING, kind="train")) == [b, a]
    assert list_ids(database, replace(EVERYTHING, kind="solve")) == []
    assert list_ids(database, replace(EVERYTHING, metadata={"run": "1"})) == [b, a]
    assert list_ids(database, replace(EVERYTHING, metadata={"run": "1", "team": "b"})) == [b]
    assert list_ids(database, replace(EVERYTHING, metadata={"team": "1"})) == []


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("dig", "Digits 1"),
        ("ITS 1", "Digits 1"),
        ("50%", "50% off"),
        ("a_b", "a_b"),
        ("/", "a/b"),
        ("Ü", "Übung"),
    ],
)
def test_a_name_is_found_by_a_part_of_it(database: Database, part: str, found: str) -> None:
    names = ("Digits 1", "50% off", "500 off", "a_b", "aXb", "a/b", "Übung", "\\", None)
    ids = named(database, *names)
    assert list_ids(database, replace(EVERYTHING, name=part)) == [ids[names.index(found)]]


def test_names_are_sorted_as_they_are_shown(database: Database) -> None:
    names = ("beta", "Alpha", "alpha", "gamma", "Übung", "zeta", None, "_")
    ids = dict(zip(names, named(database, *names), strict=True))
    order = ["_", "Alpha", "alpha", "beta", "gamma", None, "zeta", "Übung"]
    assert list_ids(database, replace(EVERYTHING, order="name")) == [ids[name] for name in order]
    assert list_ids(database, replace(EVERYTHING, order="-name")) == [ids[name] for name in order[::-1]]


@pytest.fixture
def mixed(database: Database) -> Database:
    """Jobs that wait, that run and that are over; some of the same name."""
    named(database, *"abcabc", None, None)
    for turn in range(6):
        held = claim(database)
        if turn % 3:
            fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    return database


@pytest.mark.parametrize("order", ORDERS)
def test_pages_of_every_order_tell_each_job_once(mixed: Database, order: Order) -> None:
    wanted = replace(EVERYTHING, order=order)
    whole = list_ids(mixed, wanted)

    for limit in (1, 2, 3, 100):
        assert list(chain.from_iterable(pages(mixed, replace(wanted, limit=limit)))) == whole, limit
    assert len(set(whole)) == len(whole)
    opposite: Order = ORDERS[ORDERS.index(order) ^ 1]
    assert list_ids(mixed, replace(wanted, order=opposite)) == whole[::-1]
    key = order.removeprefix("-")
    jobs = [get(mixed, job_id) for job_id in whole]
    values = [(job.name or job.id) if key == "name" else getattr(job, key) for job in jobs]
    if key == "run_ms":  # microseconds are lost on the way to it
        values = [round(job.run_ms or 0.0, 1) for job in jobs]
    assert values == sorted(values, reverse=order.startswith("-"))


@pytest.mark.parametrize("order", ORDERS)
def test_a_page_back_is_the_page_before(mixed: Database, order: Order) -> None:
    wanted = replace(EVERYTHING, order=order, limit=2)
    found = list(pages(mixed, wanted))
    for before, here in pairwise(found):
        with mixed.read() as tx:
            page = list_jobs(tx, replace(wanted, before=here[0]))
        assert [job.id for job in page.jobs] == before
        assert page.has_more == (before is not found[0])


@pytest.mark.parametrize("order", ORDERS)
def test_pages_stay_what_they_are_while_jobs_go_on(mixed: Database, order: Order) -> None:
    wanted = replace(EVERYTHING, order=order)
    whole = list_ids(mixed, wanted)
    told: list[str] = []
    for number, page in enumerate(pages(mixed, replace(wanted, limit=1))):
        told += page
        if number >= len(whole):
            continue
        named(mixed, "b", None)
        for job_id in list_ids(mixed, replace(EVERYTHING, statuses=("queued",), limit=1)):
            cancel(mixed, job_id)
    assert [job_id for job_id in told if job_id in whole] == whole
    assert len(set(told)) == len(told)


def test_a_cursor_must_be_a_job_of_the_list(mixed: Database) -> None:
    waiting = list_ids(mixed, replace(EVERYTHING, statuses=("queued",)))[0]
    for wanted in (
        replace(EVERYTHING, order="name", after="job_0"),
        replace(EVERYTHING, order="-run_ms", before="job_0"),
        replace(EVERYTHING, order="name", owner="owner_b", after=waiting),
        replace(EVERYTHING, order="-finished_at", after=waiting),
    ):
        with mixed.read() as tx, pytest.raises(NotFound, match=r"job_"):
            list_jobs(tx, wanted)
    assert list_ids(mixed, replace(EVERYTHING, after="job_0")) == []
