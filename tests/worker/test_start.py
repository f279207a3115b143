"""Jobs that start with the weights of others, as a worker trains them."""

import pytest
from sqlalchemy import delete, update

from lockstep.service.store import blobs, removal, replays, starts
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import blob_parts, jobs, weights
from lockstep.worker.replaying import answer_replay
from tests.worker.bench import LINE, LINE_DIGEST, MOONS, Bench, digest, never


def test_two_halves_are_the_whole(bench: Bench) -> None:
    """Plain sgd has no memory but the weights."""
    first = bench.submit(LINE, epochs=400)
    assert digest(bench.lead()) != LINE_DIGEST
    bench.submit(LINE, epochs=600, start_from=first)

    assert digest(bench.lead()) == LINE_DIGEST


def test_it_goes_on_elsewhere_to_the_same_bits(bench: Bench) -> None:
    first = bench.submit(MOONS, epochs=3)
    bench.lead()
    looks = iter([False, True])
    bench.submit(MOONS, start_from=first)
    undisturbed = bench.lead()
    bench.submit(MOONS, start_from=first)
    bench.lead(draining=lambda: next(looks))

    job = bench.lead("b")

    assert job.attempt == 2
    assert digest(job) == digest(undisturbed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_kind_of_number_may_change(bench: Bench, dtype: str) -> None:
    first = bench.submit(MOONS, epochs=1, dtype="float64")
    bench.lead()
    bench.submit(MOONS, epochs=1, dtype=dtype, start_from=first)

    assert bench.lead().status == "succeeded"


def test_weights_that_are_gone_end_the_job(bench: Bench) -> None:
    first = bench.submit(LINE)
    bench.lead()
    bench.submit(LINE, start_from=first)
    with bench.database.write() as tx:
        tx.execute(delete(weights))

    job = bench.lead()

    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_data", "/start_from")
    assert first in job.error.message


def test_weights_that_were_pinned_outlive_the_job_that_learned_them(bench: Bench) -> None:
    first = bench.submit(LINE, epochs=400)
    bench.lead()
    pin(bench, bench.submit(LINE, epochs=600, start_from=first), first)
    with bench.database.write() as tx:
        assert removal.remove(tx, first)

    assert digest(bench.lead()) == LINE_DIGEST


def test_a_state_along_the_way_is_a_start(bench: Bench) -> None:
    first = bench.submit(LINE, checkpoints={"every_steps": 400})
    bench.lead()
    point = {"job": first, "step": 400}
    pin(bench, bench.submit(LINE, epochs=600, start_from=point), first, 400)

    assert digest(bench.lead()) == LINE_DIGEST


def test_pinned_weights_that_are_damaged_end_the_job(bench: Bench) -> None:
    first = bench.submit(LINE)
    bench.lead()
    pin(bench, bench.submit(LINE, start_from=first), first)
    with bench.database.write() as tx:
        tx.execute(update(blob_parts).values(data=b"other bytes"))

    job = bench.lead()

    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_data", "/start_from")


def test_a_question_about_it_is_answered_from_what_was_pinned(bench: Bench) -> None:
    first = bench.submit(LINE, epochs=400)
    bench.lead()
    second = bench.submit(LINE, epochs=600, start_from=first)
    pin(bench, second, first)
    bench.lead()
    asked = Asked(job_id=second, question="gradients", step=3)
    with bench.database.write() as tx:
        removal.remove(tx, first)
        replays.ask(tx, asked)

    answer_replay(bench.question(), bench.tools(), never)

    with bench.database.read() as tx:
        found = replays.find(tx, asked)
    assert found is not None
    assert found.status == "done"


def pin(bench: Bench, job_id: str, of: str, step: int | None = None) -> None:
    """Name the weights of another job, as POST does."""
    with bench.database.read() as tx:
        start = starts.find(tx, of, step)
    if start.data is not None:
        blobs.keep(bench.database, start.data, start.sha256)
    with bench.database.write() as tx:
        starts.pin(tx, start)
        tx.execute(update(jobs).where(jobs.c.id == job_id).values(start_sha256=start.sha256))
