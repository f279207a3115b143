"""Bytes: blobs, checkpoints, weights."""

import hashlib

import pytest
from sqlalchemy import Delete, Update, select

from lockstep.service.store import blobs, checkpoints, endings, weights
from lockstep.service.store.blobs import PART_BYTES
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Corrupt, NotFound
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.service.store.tables import blob_parts, checkpoint_parts, jobs
from lockstep.service.store.tables import checkpoints as table
from tests.stored_jobs import OVER_SECONDS, RESULT, claim, evict, fenced, queue_job

LARGE = bytes(range(256)) * (2 * PART_BYTES // 256) + b"and some more"


def save(database: Database, held: JobClaim, step: int, data: bytes) -> None:
    fenced(database, held, lambda fence: checkpoints.save(fence, step, data))


@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_blobs_are_kept_once_in_parts(database: Database, data: bytes) -> None:
    with database.write() as tx:
        names = {blobs.put(tx, data), blobs.put(tx, data)}
    assert names == {hashlib.sha256(data).hexdigest()}
    with database.read() as tx:
        assert blobs.get(tx, names.pop()) == data
        sizes = [len(piece) for piece in tx.execute(select(blob_parts.c.data)).scalars()]
    assert sum(sizes) == len(data)
    assert max(sizes) <= PART_BYTES


def test_a_blob_that_is_not_there_or_damaged_is_told(database: Database) -> None:
    with database.write() as tx:
        name = blobs.put(tx, b"abc")
        with pytest.raises(NotFound):
            blobs.get(tx, "0" * 64)
        tx.execute(blob_parts.update().values(data=b"abd"))
        with pytest.raises(Corrupt, match=name):
            blobs.get(tx, name)


DAMAGES: dict[str, Update | Delete] = {
    "a byte changed": blob_parts.update().where(blob_parts.c.part == 1).values(data=b"other"),
    "cut short": blob_parts.update().where(blob_parts.c.part == 2).values(data=LARGE[:5]),
    "empty": blob_parts.update().values(data=b""),
    "a part lost": blob_parts.delete().where(blob_parts.c.part == 1),
    "the last part lost": blob_parts.delete().where(blob_parts.c.part == 2),
    "all lost": blob_parts.delete(),
    "a part misplaced": blob_parts.update().where(blob_parts.c.part == 0).values(part=7),
    "a part before the first": blob_parts.update().where(blob_parts.c.part == 2).values(part=-1),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("way", ["put", "keep and hold"])
def test_a_damaged_blob_is_whole_again_once_somebody_stores_its_bytes(
    database: Database, name: str, way: str
) -> None:
    with database.write() as tx:
        sha256 = blobs.put(tx, LARGE)
        other = blobs.put(tx, b"another")
        mine = DAMAGES[name].where(blob_parts.c.sha256 == sha256)
        assert tx.execute(mine).rowcount
    with database.read() as tx, pytest.raises((Corrupt, NotFound)):
        blobs.get(tx, sha256)

    if way == "put":
        with database.write() as tx:
            blobs.put(tx, LARGE)
    else:
        blobs.keep(database, LARGE, sha256)
        with database.write() as tx:
            blobs.hold(tx, LARGE, sha256)

    with database.read() as tx:
        assert blobs.get(tx, sha256) == LARGE
        assert blobs.get(tx, other) == b"another"


def test_checkpoints_of_step_0_and_the_latest_two_are_kept(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    with database.read() as tx:
        assert checkpoints.latest(tx, held.job_id) is None
    for step in (0, 3, 6, 9, 12):
        save(database, held, step, b"state %d" % step)
    with database.read() as tx:
        latest = checkpoints.latest(tx, held.job_id)
        assert list(tx.execute(select(table.c.step).order_by(table.c.step)).scalars()) == [0, 9, 12]
        assert len(tx.execute(checkpoint_parts.select()).all()) == 3
    assert latest == checkpoints.StoredCheckpoint(step=12, attempt=1, data=b"state 12")
    evict(database, held)
    assert claim(database).checkpoint_step == 12


def test_an_older_or_equal_checkpoint_changes_nothing(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    for step, data in ((5, b"five"), (5, b"other"), (2, b"two")):
        save(database, held, step, data)
    with database.read() as tx:
        assert checkpoints.latest(tx, held.job_id) == checkpoints.StoredCheckpoint(
            step=5, attempt=1, data=b"five"
        )
        assert [each.step for each in checkpoints.list_checkpoints(tx, held.job_id)] == [5]
    evict(database, held)
    assert claim(database).checkpoint_step == 5


def test_large_checkpoints_come_back_and_damage_is_told(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    save(database, held, 1, LARGE)
    with database.write() as tx:
        found = checkpoints.latest(tx, held.job_id)
        assert found is not None
        assert found.data == LARGE
        tx.execute(checkpoint_parts.delete().where(checkpoint_parts.c.part == 1))
        with pytest.raises(Corrupt):
            checkpoints.latest(tx, held.job_id)


def test_writing_a_checkpoint_renews_the_lease(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    with database.write() as tx:
        tx.execute(jobs.update().values(lease_expires_at=jobs.c.lease_expires_at + 2 * OVER_SECONDS))
        before = tx.execute(select(jobs.c.lease_expires_at)).scalar_one()
    save(database, held, 1, b"state")
    with database.read() as tx:
        after = tx.execute(select(jobs.c.lease_expires_at)).scalar_one()
    assert before is not None
    assert after is not None
    assert after > before + 60


def test_weights_come_with_success(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    with database.read() as tx, pytest.raises(NotFound, match=held.job_id):
        weights.load(tx, held.job_id)

    def finish(fence: JobFence) -> None:
        weights.save(fence, b"tensors", '{"mean": [0]}')
        endings.succeed(fence, RESULT)

    fenced(database, held, finish)
    with database.read() as tx:
        assert weights.load(tx, held.job_id) == weights.StoredWeights(
            job_id=held.job_id, safetensors=b"tensors", preprocessing_json='{"mean": [0]}'
        )
