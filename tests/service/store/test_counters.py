"""What is counted is in the transaction of what it counts, and parallel ones do not lose any of it."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from lockstep.service.store import checkpoints, counted, counters, endings
from lockstep.service.store.checkpoints import CheckpointKey
from lockstep.service.store.counted import COUNTED
from lockstep.service.store.counters import Counter, Histogram, Totals
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from lockstep.service.store.tables import counters as table
from tests.stored_jobs import RESULT, cancel, claim, evict, evict_expired, fenced, job_in, queue_job

APPLES = Counter(name="apples_total", words="Apples.", labels=("colour",))
PEARS = Counter(name="pears_total", words="Pears.")
TOOK = Histogram(name="took_seconds", words="Took.", bounds=(0.1, 1.0))


def totals(database: Database) -> Totals:
    with database.read() as tx:
        return counters.totals(tx)


def test_counts_add_up_by_label(database: Database) -> None:
    for _ in range(3):
        with database.write() as tx:
            counters.count(tx, APPLES, colour="red")
            counters.count(tx, APPLES, 2, colour='"gr,een"')
            counters.count(tx, PEARS, 0)
    assert totals(database).of(APPLES) == {("red",): 3.0, ('"gr,een"',): 6.0}
    assert totals(database).of(PEARS) == {}


def test_a_histogram_has_a_count_for_each_bound(database: Database) -> None:
    with database.write() as tx:
        for seconds in (0.05, 0.1, 0.5, 7.0):
            counters.observe(tx, TOOK, seconds)
    found = totals(database).observed(TOOK)[()]
    assert dict(found.counts) == {"0.1": 2.0, "1": 1.0, "+Inf": 1.0}
    assert found.total == pytest.approx(7.65)


def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            counters.count(tx, PEARS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.write() as tx:
        counters.count(tx, APPLES, colour="red")
    assert totals(database).of(PEARS) == {}


def test_nothing_is_counted_in_a_read(database: Database) -> None:
    with pytest.raises(KeyError), database.read() as tx:
        counters.count(tx, PEARS)


def test_parallel_transactions_lose_nothing_and_do_not_lock_each_other_out(database: Database) -> None:
    """Each counts the same things, half of them in the other order."""

    def work(number: int) -> None:
        for turn in range(20):
            with database.write() as tx:
                names = [f"n{each}" for each in range(5)]
                for name in names if (number + turn) % 2 else reversed(names):
                    counters.count(tx, APPLES, colour=name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert totals(database).of(APPLES) == {(f"n{each}",): 80.0 for each in range(5)}
    with database.read() as tx:
        slots: int = tx.execute(select(func.count(table.c.slot.distinct()))).scalar_one()
        assert slots > 1 if tx.dialect.name == "postgresql" else slots == 1


def test_what_becomes_of_jobs_is_counted(database: Database) -> None:
    for status in ("succeeded", "failed", "cancelled", "succeeded"):
        job_in(database, status)
    cancel(database, queue_job(database).id)  # it was never claimed
    job_in(database, "queued")

    found = totals(database)

    assert found.of(counted.JOBS_SUBMITTED) == {(): 6.0}
    assert found.of(counted.JOBS_ENDED) == {("succeeded",): 2.0, ("failed",): 1.0, ("cancelled",): 2.0}
    runs = found.observed(counted.JOB_RUN)
    assert {key: sum(each.counts.values()) for key, each in runs.items()} == {
        ("succeeded",): 2.0,
        ("failed",): 1.0,
        ("cancelled",): 1.0,
    }
    assert sum(found.observed(counted.JOB_WAIT)[()].counts.values()) == 4.0


def test_only_the_first_claim_ends_a_wait_and_evictions_have_reasons(database: Database) -> None:
    queue_job(database)
    evict(database, claim(database))
    claim(database, lease_seconds=-1.0)
    evict_expired(database)
    claim(database)

    found = totals(database)
    assert sum(found.observed(counted.JOB_WAIT)[()].counts.values()) == 1.0
    assert found.of(counted.EVICTIONS) == {("process_died",): 1.0, ("lease_expired",): 1.0}


def test_steps_and_checkpoints_are_counted(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    fenced(
        database, held, lambda fence: endings.record_progress(fence, Progress(step=5, epoch=0, new_steps=5))
    )
    fenced(database, held, lambda fence: checkpoints.save(fence, 5, b"12345678"))
    fenced(database, held, lambda fence: checkpoints.save(fence, 5, b"12345678"))
    with database.write() as tx:
        checkpoints.discard(tx, held.job_id, [CheckpointKey(step=5, attempt=1)])
        checkpoints.discard(tx, held.job_id, [CheckpointKey(step=5, attempt=1)])
    fenced(database, held, lambda fence: endings.succeed(fence, RESULT))

    found = totals(database)
    assert found.of(counted.STEPS) == {(): 5.0}
    assert found.of(counted.CHECKPOINT_BYTES) == {(): 8.0}
    assert found.of(counted.DAMAGED_CHECKPOINTS) == {(): 1.0}


def test_names_are_as_prometheus_recommends() -> None:
    for each in COUNTED:
        assert each.name.startswith("lockstep_")
        assert each.name.endswith("_seconds" if isinstance(each, Histogram) else "_total"), each
        assert each.words.endswith(".")
    assert len({each.name for each in COUNTED}) == len(COUNTED)
