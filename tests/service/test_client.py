"""The client against the real application behind a real server."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.core.learning.report import Points
from lockstep.service import client as client_module
from lockstep.service.client import ApiError, Client
from lockstep.service.connection import FIRST_PATIENCE_SECONDS
from lockstep.service.store import claims, endings, history
from lockstep.service.store.database import Database
from lockstep.service.store.tables import history as history_table
from tests.service.served import served
from tests.service.submissions import KEY, LINE, claim, succeed


@pytest.fixture
def url(api: TestClient) -> Iterator[str]:
    """The address of the application of `api`, served over TCP."""
    with served(api) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client with an administrator's key."""
    with Client(url, KEY) as client:
        yield client


def test_every_call(client: Client, store: Database) -> None:
    assert client.is_ready()
    assert client.validate(LINE)["valid"]
    job = client.create_job(LINE | {"metadata": {"k": "v"}}, idempotency_key="key")
    assert client.create_job(LINE | {"metadata": {"k": "v"}}, idempotency_key="key")["id"] == job["id"]
    assert (
        client.list_jobs(status="queued", kind="train", metadata={"k": "v"}, limit=1)["last_id"] == job["id"]
    )
    assert client.list_jobs(after=job["id"])["data"] == []
    assert client.job(job["id"]) == job
    assert client.queue()["jobs"]["queued"] == 1
    assert client.workers()["data"] == []
    series = {"loss": Points(steps=np.arange(10), values=np.arange(10.0))}
    succeed(store, {"a": np.array(2.0), "b": np.array(4.0)}, series)
    assert client.history(job["id"], series=["loss"], since_step=7)["series"] == {
        "loss": {"steps": [8, 9], "values": [8.0, 9.0]}
    }
    assert len(client.history(job["id"], max_points=4)["series"]["loss"]["steps"]) <= 4
    assert client.members(job["id"], after="1.0", limit=1)["data"] == []
    events = client.events(job["id"], limit=1)
    assert client.events(job["id"], after=events["last_id"])["data"][-1]["data"]["status"] == "succeeded"
    with np.load(io.BytesIO(client.weights(job["id"], format="npz"))) as file:
        assert float(file["a"]) == 2.0
    assert client.predict(job["id"], [3])["y"] == [10.0]
    assert client.cancel(job["id"])["status"] == "succeeded"
    copy = client.clone(job["id"], {"epochs": 20}, idempotency_key="copy")
    assert copy["cloned_from"] == job["id"]
    assert client.clone(job["id"], {"epochs": 20}, idempotency_key="copy")["id"] == copy["id"]
    assert client.pause(copy["id"])["status"] == "paused"
    assert client.resume(copy["id"])["status"] == "queued"
    assert client.edit(copy["id"], {"priority": 7})["priority"] == 7
    client.cancel(copy["id"])
    assert client.delete(copy["id"]) == {"id": copy["id"], "object": "job", "deleted": True}
    again = client.verify(job["id"], 1, idempotency_key="again")
    assert again["verifies"] == job["id"]
    assert client.verify(job["id"], 1, idempotency_key="again")["id"] == again["id"]


def test_errors_carry_the_problem(client: Client, url: str) -> None:
    with pytest.raises(ApiError) as caught:
        client.create_job(LINE | {"epochs": 0})
    assert caught.value.status == 422
    assert caught.value.errors[0]["pointer"] == "/epochs"
    assert "/epochs" in str(caught.value)
    assert caught.value.request_id
    with pytest.raises(ApiError) as caught:
        client.job("job_0")
    assert caught.value.status == 404
    for odd in ("", ".", "../../healthz", "job_0/spec"):
        with pytest.raises(ValueError, match="expected a job's id"):
            client.job(odd)
    with Client(url) as nobody, pytest.raises(ApiError) as caught:
        nobody.queue()
    assert caught.value.status == 401


def test_a_service_that_is_not_there_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = time.sleep

    def noted(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)

    monkeypatch.setattr("time.sleep", noted)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url) as client, pytest.raises(ApiError) as caught:
        client.queue()
    assert caught.value.status == 0
    assert url in str(caught.value)
    assert 0 < sum(pauses) <= FIRST_PATIENCE_SECONDS
    with Client(url) as client:
        assert not client.is_ready()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", ""])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:8000"):
        Client(url)


class Flaky:
    """A server that breaks its first connections and then passes bytes on to another."""

    def __init__(self, target: str, faults: int) -> None:
        self._target = ("127.0.0.1", int(target.rpartition(":")[2]))
        self._faults = faults
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = self._read(connection)
                self.requests += 1
                with socket.create_connection(self._target) as upstream:
                    upstream.sendall(request.replace(b"keep-alive", b"close"))
                    answer = self._all(upstream)
                if self.requests > self._faults:
                    connection.sendall(answer)

    def _all(self, upstream: socket.socket) -> bytes:
        """What comes until the other side closes."""
        answer = b""
        while received := upstream.recv(1 << 16):
            answer += received
        return answer

    def _read(self, connection: socket.socket) -> bytes:
        """One request with its body."""
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(1 << 16)
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        while length is not None and len(body) < int(length[1]):
            body += connection.recv(1 << 16)
        return head + b"\r\n\r\n" + body


def test_a_broken_connection_makes_no_second_job(url: str, client: Client) -> None:
    flaky = Flaky(url, faults=2)
    try:
        with Client(flaky.url, KEY) as patient:
            job = patient.create_job(LINE)
    finally:
        flaky.close()
    assert flaky.requests == 3
    assert [each["id"] for each in client.list_jobs()["data"]] == [job["id"]]


def test_watch_follows_a_job_to_its_end(
    client: Client, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOVING_WATCH_SECONDS", 0.01)
    job_id = client.create_job(LINE)["id"]
    updates = client.watch(job_id)
    assert next(updates).job["status"] == "queued"
    taken = claim(store)
    assert next(updates).job["status"] == "running"
    for step in range(3):
        with store.write() as tx:
            fence = claims.lock(tx, taken)
            history.append(fence, {"loss": Points(steps=np.array([step]), values=np.array([float(step)]))})
            endings.record_progress(
                fence, endings.Progress(step=step + 1, epoch=step, members=1, steps_per_second=1.0)
            )
        update = next(updates)
        assert update.job["progress"]["step"] == step + 1
        assert update.history == {"loss": {"steps": [step], "values": [float(step)]}}
    client.cancel(job_id)
    with store.write() as tx:
        endings.finish_cancel(claims.lock(tx, taken))
    rest = list(updates)
    assert rest[-1].job["status"] == "cancelled"
    assert not any(update.history for update in rest)


def test_watch_asks_more_seldom_while_nothing_moves(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class Enough(Exception):
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 30:
            raise Enough

    job_id = client.create_job(LINE)["id"]
    monkeypatch.setattr("time.sleep", pause)
    updates = client.watch(job_id)
    with pytest.raises(Enough):
        list(updates)
    monkeypatch.undo()
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.05
    assert pauses[-1] == 1.0  # the service's hint for a job that waits


def test_watch_outlives_a_damaged_history(client: Client, store: Database) -> None:
    job_id = client.create_job(LINE)["id"]
    series = {"loss": Points(steps=np.arange(10), values=np.arange(10.0))}
    succeed(store, {"a": np.array(2.0), "b": np.array(4.0)}, series)
    with store.write() as tx:
        tx.execute(history_table.update().values(points=b""))

    with pytest.raises(ApiError, match="can't be read") as refused:
        client.history(job_id)
    assert refused.value.status == 410
    (update,) = client.watch(job_id)
    assert (update.job["status"], update.history) == ("succeeded", {})
