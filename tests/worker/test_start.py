"""Jobs that start with the weights of others, as a worker trains them."""

import pytest
from sqlalchemy import delete

from lockstep.service.store.tables import weights
from tests.worker.bench import LINE, LINE_DIGEST, MOONS, Bench, digest


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
