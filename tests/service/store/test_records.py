"""Events, workers, API keys, idempotency keys, ids."""

from dataclasses import replace

import pytest

from lockstep.service.store import events, idempotency, keys, workers
from lockstep.service.store.database import Database
from lockstep.service.store.errors import KeyReused, NotFound
from lockstep.service.store.events import NewEvent
from lockstep.service.store.idempotency import IdempotencyKey
from lockstep.service.store.ids import ALPHABET, new_id
from lockstep.service.store.tables import api_keys
from lockstep.service.store.tables import workers as workers_table
from lockstep.service.store.workers import WorkerState
from tests.stored_jobs import NEW, queue_job

STATE = WorkerState(worker_id="worker_a", host="here", pid=7, state="idle", job_id=None, fingerprint="f")
KEY = IdempotencyKey(key="once", body_sha256="b" * 64)


def test_ids_sort_by_their_making() -> None:
    made = [new_id("job") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [name[:15] for name in made] == sorted(name[:15] for name in made)
    assert all(len(name) == 28 and set(name[4:]) <= set(ALPHABET) for name in made)


def test_events_are_listed_in_order_and_by_page(database: Database) -> None:
    job_id = queue_job(database).id
    queue_job(database)
    with database.write() as tx:
        for rank in range(3):
            joined = NewEvent(type="member_joined", message="a helper joined\0", data={"rank": rank})
            events.append(tx, job_id, joined)
    with database.read() as tx:
        found = events.list_events(tx, job_id)
        assert [event.type for event in found] == ["status", *["member_joined"] * 3]
        assert found[0].data == {"status": "queued", "reason": "waiting_for_worker"}
        assert (found[2].message, found[2].data, found[2].level) == (
            "a helper joined\\0",
            {"rank": 1},
            "info",
        )
        assert events.list_events(tx, job_id, after=found[1].id, limit=1) == [found[2]]
        assert events.list_events(tx, job_id, after=found[3].id) == []


def test_workers_are_listed_while_they_are_heard_of(database: Database) -> None:
    with database.write() as tx:
        workers.heartbeat(tx, STATE)
        workers.heartbeat(tx, replace(STATE, worker_id="worker_b"))
        workers.heartbeat(tx, replace(STATE, state="leading", job_id="job_1"))
    with database.write() as tx:
        first, second = workers.list_workers(tx)
        assert (first.worker_id, first.state, first.job_id, first.present) == (
            "worker_a", "leading", "job_1", True,
        )  # fmt: skip
        assert second.worker_id == "worker_b"
        beats = workers_table.update().values(heartbeat_at=workers_table.c.heartbeat_at - 20)
        tx.execute(beats.where(workers_table.c.id == "worker_a"))
        workers.remove(tx, "worker_b")
        (left,) = workers.list_workers(tx)
        assert not left.present
        tx.execute(beats.values(heartbeat_at=0))
        assert workers.list_workers(tx) == []
        workers.heartbeat(tx, replace(STATE, worker_id="worker_c"))
        assert [row.id for row in tx.execute(workers_table.select())] == ["worker_c"]


def test_only_the_hash_of_a_key_is_kept(database: Database) -> None:
    with database.write() as tx:
        key_id, secret = keys.create(tx, "owner_a", "laptop", frozenset({"read", "write"}))
    with database.write() as tx:
        found = keys.find(tx, secret)
        assert found is not None
        assert (found.id, found.owner_id, found.name) == (key_id, "owner_a", "laptop")
        assert (found.scopes, found.sees) == (frozenset({"read", "write"}), "owner_a")
        assert secret not in repr(tx.execute(api_keys.select()).all())
        assert keys.find(tx, secret + "x") is None
        assert keys.find(tx, "\udcff not text") is None
        keys.revoke(tx, key_id)
        keys.revoke(tx, key_id)
        assert keys.find(tx, secret) is None
        with pytest.raises(NotFound):
            keys.revoke(tx, "key_0")


def test_the_settings_key_replaces_the_one_before(database: Database) -> None:
    with database.write() as tx:
        for secret in ("local-only-change-me", "local-only-change-me", "a better one"):
            keys.ensure_admin(tx, secret)
        found = keys.find(tx, "a better one")
        assert found is not None
        assert (found.sees, "admin" in found.scopes) == (None, True)
        assert keys.find(tx, "local-only-change-me") is None
        _, made = keys.create(tx, "owner_a", "laptop", frozenset({"read"}))
        keys.ensure_admin(tx, made)
        promoted = keys.find(tx, made)
        assert promoted is not None
        assert promoted.owner_id == found.owner_id
        keys.revoke(tx, promoted.id)
        keys.ensure_admin(tx, made)
        assert keys.find(tx, made) is None


def test_an_idempotency_key_makes_one_job(database: Database) -> None:
    with database.write() as tx:
        first = idempotency.create_once(tx, NEW, KEY)
    with database.write() as tx:
        again = idempotency.create_once(tx, NEW, KEY)
    assert (first.replayed, again.replayed, first.job) == (False, True, again.job)
    with database.write() as tx, pytest.raises(KeyReused, match=first.job.id):
        idempotency.create_once(tx, NEW, replace(KEY, body_sha256="c" * 64))
    with database.write() as tx:
        others = idempotency.create_once(tx, replace(NEW, owner_id="owner_b"), KEY)
        assert not others.replayed
        assert idempotency.create_once(tx, replace(NEW, owner_id="owner_b"), KEY).job == others.job


def test_a_key_whose_job_was_not_made_is_free(database: Database) -> None:
    def fail_later() -> None:
        with database.write() as tx:
            idempotency.create_once(tx, NEW, KEY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_later()
    with database.write() as tx:
        assert not idempotency.create_once(tx, NEW, KEY).replayed
