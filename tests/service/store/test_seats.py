"""Which job an idle worker helps: that which gains most, of those whose lead would have one more."""

from dataclasses import replace

from lockstep.service.store import claims, endings, leases, seats
from lockstep.service.store.database import Database
from tests.stored_jobs import NEW, OTHER, STRANGER, WORKER, claim, fenced, queue_job


def lead_with_seats(database: Database, offered: int | None, gain: float | None) -> str:
    """The id of a job whose lead has told how many members it would have, and what one more is worth."""
    job_id = queue_job(database, replace(NEW, workers=4)).id
    held = claim(database)
    progress = endings.Progress(step=7, epoch=0, members=1, seats=offered, seat_gain=gain)

    def work(fence: leases.JobFence) -> None:
        seats.publish_address(fence, "10.0.0.1", 7000, b"secret", offered)
        endings.record_progress(fence, progress)

    fenced(database, held, work)
    return job_id


def test_a_helper_finds_the_seat_that_gains_most(database: Database) -> None:
    lead_with_seats(database, 1, None)
    little = lead_with_seats(database, 2, 0.1)
    much = lead_with_seats(database, 2, 0.9)
    not_said = lead_with_seats(database, None, None)
    passed_over: list[str] = []
    while True:
        with database.read() as tx:
            seat = seats.find_seat(tx, OTHER, passed_over)
        if seat is None:
            break
        passed_over.append(seat.job_id)

    assert passed_over == [not_said, much, little]


def test_a_lead_that_measures_first_offers_no_seat(database: Database) -> None:
    queue_job(database, replace(NEW, workers=2))
    held = claim(database)
    fenced(database, held, lambda fence: seats.publish_address(fence, "10.0.0.1", 7000, b"secret", 1))

    with database.read() as tx:
        assert seats.find_seat(tx, OTHER) is None


def test_a_helper_finds_the_oldest_free_seat_of_its_fingerprint(database: Database) -> None:
    queue_job(database)
    wanted = queue_job(database, replace(NEW, workers=2))
    claim(database)
    held = claim(database)

    def seat(worker: claims.WorkerIdentity) -> seats.Seat | None:
        with database.read() as tx:
            return seats.find_seat(tx, worker)

    assert seat(OTHER) is None
    fenced(database, held, lambda fence: seats.publish_address(fence, "10.0.0.1", 7000, b"secret"))
    found = seat(OTHER)
    assert found == seats.Seat(
        job_id=wanted.id, attempt=1, host="10.0.0.1", port=7000, secret=b"secret",
        spec_sha256=wanted.spec_sha256,
    )  # fmt: skip
    assert seat(STRANGER) is None
    assert seat(WORKER) is None
    fenced(
        database,
        held,
        lambda fence: endings.record_progress(fence, endings.Progress(step=1, epoch=0, members=2)),
    )
    assert seat(OTHER) is None
