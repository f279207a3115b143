"""`lockstep up` for real: a broker, a database, an API and two workers, started, broken and stopped."""

from __future__ import annotations

import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_service import LocalService, command, is_alive, kill, local_service, stop, wait_until
from tests.specs import WHOLE_LINE

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

LINE = WHOLE_LINE | {"name": "line"}
LONG: dict[str, Any] = {
    "name": "long",
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 256},
            {"type": "relu"},
            {"type": "linear", "in": 256, "out": 10},
        ]
    },
    "data": {"builtin": "digits"},
    "loss": "cross_entropy",
    "optimizer": {"type": "sgd", "learning_rate": 0.01},
    "epochs": 800,
    "batch_size": 128,
    "seed": 1,
    "workers": 1,
    "shards": 2,
}
ENDLESS = {**LONG, "epochs": 100_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("local") / "data") as running:
        yield running


def worker_pids(service: LocalService) -> list[int]:
    """Main processes and pool children, by what their command lines are known to contain."""
    return service.pids("celery") + service.pids("lockstep worker")


def try_up(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command("up", *arguments), capture_output=True, text=True, timeout=30)


def reasons_of(service: LocalService, job_id: str) -> list[str | None]:
    return [transition["reason"] for transition in service.client.job(job_id)["transitions"]]


def wait_for_end(service: LocalService, job_id: str, seconds: float = 60) -> dict[str, Any]:
    wait_until(lambda: service.client.job(job_id)["is_terminal"], seconds)
    return service.client.job(job_id)


def test_a_job_trains(service: LocalService) -> None:
    job = wait_for_end(service, service.client.create_job(LINE)["id"])

    assert job["status"] == "succeeded", job
    assert job["result"]["parameters"] == {"a": 2.00000078438591, "b": 3.9999987308369374}
    assert service.client.predict(job["id"], [3]) == {"y": [10.000001083994668]}


def test_the_directory_tells_clients_where_and_keeps_the_key_to_its_owner(service: LocalService) -> None:
    assert (service.directory / "url").read_text() == service.url + "\n"
    assert stat.S_IMODE((service.directory / "api-key").stat().st_mode) == 0o600
    assert {path.name for path in (service.directory / "logs").iterdir()} == {
        "api.log",
        "broker.log",
        "worker-1.log",
        "worker-2.log",
    }


def test_workers_can_be_told_by_their_command_lines(service: LocalService) -> None:
    wait_until(lambda: len(worker_pids(service)) == 4)  # two main processes, two pool children


def test_a_second_service_in_the_same_directory_is_refused(service: LocalService) -> None:
    second = try_up("--port", "0", "--data-dir", str(service.directory))

    assert second.returncode == 1
    assert f"pid {service.process.pid}" in second.stderr
    assert service.client.is_ready()


def test_a_taken_port_is_refused_with_its_holder(service: LocalService, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]

    second = try_up("--port", port, "--data-dir", str(tmp_path))

    assert second.returncode == 1
    assert "is taken by pid" in second.stderr


@pytest.mark.parametrize("part", ["lockstep.service.local.serve", "valkey-server", "celeryd", "pool child"])
def test_what_dies_is_started_again(service: LocalService, part: str) -> None:
    wait_until(lambda: service.pids(part))
    victim = service.pids(part)[0]

    kill(victim)

    wait_until(lambda: victim not in service.pids(part) and service.pids(part))
    wait_until(service.client.is_ready)
    job = wait_for_end(service, service.client.create_job(LINE)["id"])
    assert job["status"] == "succeeded"


def test_a_killed_worker_costs_a_job_neither_time_nor_bits(service: LocalService) -> None:
    whole = wait_for_end(service, service.client.create_job(LONG)["id"])
    job_id = service.client.create_job(LONG)["id"]
    wait_until(lambda: service.client.job(job_id)["progress"]["step"] > 200)

    for pid in worker_pids(service):
        kill(pid)
    wait_until(lambda: "worker_lost" in reasons_of(service, job_id), 8)  # the lease would take 15 s
    job = wait_for_end(service, job_id)

    assert job["status"] == "succeeded"
    assert job["result"]["weights_sha256"] == whole["result"]["weights_sha256"]


def test_a_stop_is_clean_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """Three stops one after another: by SIGTERM, by Ctrl-C, and by a kill that nobody can answer."""
    job_id, step = "", 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with local_service(tmp_path / "data", workers=1) as service:
            job_id = job_id or service.client.create_job(ENDLESS)["id"]
            _goes_on(service, job_id, step)
            step = service.client.job(job_id)["progress"]["step"]
            below = service.descendants()

            stop(service.process, number)

        if number == signal.SIGKILL:
            wait_until(lambda: not [pid for pid in below if is_alive(pid)], 5)  # noqa: B023 - called at once
            continue
        assert service.process.returncode == 0
        assert not [below[pid] for pid in below if is_alive(pid)]
        assert not (tmp_path / "data" / "url").exists()
    with local_service(tmp_path / "data", workers=1) as last:
        wait_until(lambda: last.client.job(job_id)["status"] == "running", 5)  # the lease would take 15 s


def _goes_on(service: LocalService, job_id: str, step: int) -> None:
    """The job runs, from the step where the worker that left has saved it."""
    assert service.client.job(job_id)["progress"]["step"] >= step
    wait_until(lambda: service.client.job(job_id)["status"] == "running", 5)
    wait_until(lambda: service.client.job(job_id)["progress"]["step"] > step + 100)


def test_a_broken_database_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "lockstep.db").write_text("this is no database, and it is longer than a header " * 20)

    refused = try_up("--port", "0", "--data-dir", str(tmp_path))

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "Traceback" not in refused.stderr
