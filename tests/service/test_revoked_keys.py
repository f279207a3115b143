"""How long a revoked key still works: what `lockstep keys revoke` promises, two seconds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from lockstep.service import auth
from lockstep.service.store import keys
from lockstep.service.store.database import Database


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_a_key_that_was_just_used_is_useless_two_seconds_after_it_is_revoked(
    api: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(auth, "time", clock)
    with store.write() as tx:
        key_id, secret = keys.create(tx, "owner_1", "test", frozenset({"read"}))
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.get("/v1/jobs", headers=headers).status_code == 200
    with store.write() as tx:
        keys.revoke(tx, key_id)

    statuses = []
    for passed in (0.0, 1.0, 1.0):
        clock.now += passed
        statuses.append(api.get("/v1/jobs", headers=headers).status_code)

    assert statuses == [200, 200, 401]
