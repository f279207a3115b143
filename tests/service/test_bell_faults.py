"""Rings through a broker that is away, slow, full or breaks off: nobody waits, and at most rings are lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from lockstep.service import bell
from lockstep.service.app import create_app
from lockstep.service.bell import Ringer
from lockstep.service.reconciler import Reconciler
from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from lockstep.service.store.tables import jobs
from tests.service.broker import wait_until
from tests.service.contract import ContractClient
from tests.service.faulty_broker import FaultyBroker, faulty_broker
from tests.service.submissions import KEY, LINE
from tests.stored_jobs import queue_job

JOBS = [f"job_{number}" for number in range(5)]


@pytest.fixture
def broker() -> Iterator[FaultyBroker]:
    with faulty_broker() as broker:
        yield broker


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(bell, "RETRY_SECONDS", 0.01)
    caplog.set_level(logging.INFO)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of the broker, in order."""
    words = [
        record.getMessage().split()[0] for record in caplog.records if record.name == "lockstep.service.bell"
    ]
    return [word for word in words if word.startswith("action=broker_")]


AWAY, BACK = "action=broker_away", "action=broker_back"


def test_a_working_broker_gets_each_ring_once(broker: FaultyBroker, caplog: pytest.LogCaptureFixture) -> None:
    broker.come()
    with Ringer(broker.url) as ringer:
        for job_id in JOBS:
            ringer.ring("lead", job_id)
        wait_until(lambda: broker.rings("lead") == JOBS)
    assert said(caplog) == []


def test_who_rings_does_not_wait_for_a_broker_that_does_not_answer(broker: FaultyBroker) -> None:
    """It answers only once all rings are noted and the bell is closed: to wait for it would not end."""
    broker.come()
    broker.answers.clear()
    ringer = Ringer(broker.url)
    ringer.start()
    wait_until(lambda: broker.connections > 0)

    for job_id in JOBS:
        ringer.ring("lead", job_id)
    ringer.close(timeout_seconds=0.05)

    broker.answers.set()
    wait_until(lambda: broker.rings("lead") == JOBS)


def test_a_post_does_not_wait_for_a_silent_broker(broker: FaultyBroker, sqlite_url: str) -> None:
    broker.come()
    settings = Settings(
        database_url=sqlite_url,
        broker_url=broker.url,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
    )
    with ContractClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as api:
        broker.answers.clear()
        posted = [api.post("/v1/jobs", json=LINE) for _ in range(3)]
        assert [response.status_code for response in posted] == [201] * 3
        broker.answers.set()
        wait_until(lambda: broker.rings("lead") == [response.json()["id"] for response in posted])


def test_one_that_refuses_and_comes_is_told_of_once_each_time(
    broker: FaultyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with Ringer(broker.url) as ringer:
        for outage in (1, 2):
            for job_id in JOBS:
                ringer.ring("lead", job_id)
            wait_until(lambda: said(caplog).count(AWAY) == outage)  # noqa: B023 - called within the turn
            broker.come()
            wait_until(lambda: broker.rings("lead") == JOBS * outage)  # noqa: B023 - called within the turn
            broker.go()
    assert said(caplog) == [AWAY, BACK, AWAY, BACK]


def test_one_that_is_full_gets_the_rings_once_it_has_room(
    broker: FaultyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.is_full = True
    broker.come()
    with Ringer(broker.url) as ringer:
        for job_id in JOBS:
            ringer.ring("lead", job_id)
        wait_until(lambda: broker.connections > 5)  # it goes on trying
        assert said(caplog) == [AWAY]
        assert "command not allowed when used memory > 'maxmemory'" in caplog.text
        assert broker.rings("lead") == []
        broker.is_full = False
        wait_until(lambda: broker.rings("lead") == JOBS)
        wait_until(lambda: said(caplog) == [AWAY, BACK])


def test_one_that_breaks_off_in_its_answers_may_hear_a_ring_twice_and_misses_none(
    broker: FaultyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.come()
    with Ringer(broker.url) as ringer:
        ringer.ring("lead", "job_first")
        wait_until(lambda: broker.rings("lead") == ["job_first"])
        broker.cuts_off = True
        for job_id in JOBS:
            ringer.ring("lead", job_id)
        wait_until(lambda: said(caplog) == [AWAY])
        broker.cuts_off = False
        wait_until(lambda: set(broker.rings("lead")) == {"job_first", *JOBS})
        wait_until(lambda: said(caplog) == [AWAY, BACK])


def test_a_connection_that_broke_while_nobody_rang_costs_nothing(
    broker: FaultyBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.come()
    with Ringer(broker.url) as ringer:
        ringer.ring("lead", JOBS[0])
        wait_until(lambda: broker.rings("lead") == JOBS[:1])
        broker.go()
        broker.come()
        for job_id in JOBS[1:]:
            ringer.ring("lead", job_id)
        wait_until(lambda: broker.rings("lead") == JOBS)
    assert said(caplog) == []


def test_while_it_is_away_rings_do_not_pile_up(
    broker: FaultyBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "MAX_PENDING_RINGS", 3)
    with Ringer(broker.url) as ringer:
        wait_until(lambda: said(caplog) == [AWAY])
        for number in range(50):
            ringer.ring("lead", f"job_{number}")
        broker.come()
        wait_until(lambda: len(broker.rings("lead")) >= 3)
        ringer.ring("lead", "job_last")
        wait_until(lambda: broker.rings("lead")[-1] == "job_last")
    # Beside those that wait there is the one that it was about to publish.
    assert broker.rings("lead")[:3] == ["job_0", "job_1", "job_2"]
    assert len(broker.rings("lead")) <= 5


@pytest.mark.parametrize("fault", ["away", "forgetful"])
def test_the_reconciler_rings_again_for_what_was_lost(
    broker: FaultyBroker, store: Database, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    waiting = [queue_job(store).id for _ in range(3)]
    if fault == "forgetful":
        broker.come()
        with Ringer(broker.url) as ringer:
            for job_id in waiting:
                ringer.ring("lead", job_id)
            wait_until(lambda: broker.rings("lead") == waiting)
        broker.forget()
    else:
        with Ringer(broker.url) as ringer:
            for job_id in waiting:
                ringer.ring("lead", job_id)
            wait_until(lambda: said(caplog) == [AWAY])
        broker.come()
    assert broker.rings("lead") == []

    with store.write() as tx:
        tx.execute(jobs.update().values(ring_due_at=0.0))
    with Ringer(broker.url) as ringer:
        Reconciler(store, ringer, 600.0).tick()
        wait_until(lambda: broker.rings("lead") == waiting)
