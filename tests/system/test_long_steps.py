"""Real processes in long steps: they are heard amid one, and one that hangs in a step is replaced."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.worker import drive
from tests.local_service import local_service, stop, wait_until
from tests.system.worker_processes import Broker, Cluster, cluster_in
from tests.worker.bench import MOONS, digest

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

HEAVY: dict[str, Any] = {
    "name": "heavy",
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 2048},
            {"type": "batch_norm_1d", "num_features": 2048},
            {"type": "relu"},
            {"type": "dropout", "p": 0.1},
            {"type": "linear", "in": 2048, "out": 2048},
            {"type": "relu"},
            {"type": "linear", "in": 2048, "out": 10},
        ]
    },
    "data": {"builtin": "digits"},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.001},
    "epochs": 10,
    "batch_size": "full",
    "accumulate": 800,
    "shards": 1,
    "seed": 1,
}
"""Each step takes its two rows at a time through 4 million weights: about a quarter of a minute, alone."""
HEARD_SECONDS = 10.0
"""A renewal of 2 s, a piece, a checkpoint of 50 MB, and a machine that is busy."""

HANG = """
import os, time
from pathlib import Path
from lockstep.core.ground.failpoints import at_failpoints

def hang(name):
    left = Path(os.environ["HANGS_LEFT"])
    if name == os.environ["HANGS_AT"] and left.exists():
        left.unlink()
        time.sleep(600)

at_failpoints(hang)
"""
"""What each Python of the workers runs at its start: it hangs at one failpoint, once."""


def test_up_stops_and_a_cancel_is_heard_amid_a_step(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with local_service(directory, workers=1) as service:
        job_id = service.client.create_job(HEAVY)["id"]
        wait_until(lambda: service.client.job(job_id)["status"] == "running")
        time.sleep(2.0)
        stop(service.process)  # raises where that takes longer than it may

    with local_service(directory, workers=1) as service:
        reasons = [transition["reason"] for transition in service.client.job(job_id)["transitions"]]
        assert "worker_drained" in reasons
        wait_until(lambda: service.client.job(job_id)["status"] == "running")
        time.sleep(2.0)
        service.client.cancel(job_id)
        wait_until(lambda: service.client.job(job_id)["is_terminal"], HEARD_SECONDS)
        job = service.client.job(job_id)
        assert (job["status"], job["progress"]["step"]) == ("cancelled", 0)


@pytest.fixture
def cluster(tmp_path: Path, migrated_sqlite_path: Path) -> Iterator[Cluster]:
    database_path, broker = tmp_path / "lockstep.db", Broker()
    shutil.copyfile(migrated_sqlite_path, database_path)
    broker.start()
    try:
        with cluster_in(tmp_path, database_path, broker) as cluster:
            yield cluster
    finally:
        broker.close()


@pytest.mark.parametrize("point", [drive.BEGINS.name, drive.AMID.name])
def test_a_child_that_hangs_in_a_step_is_ended_and_the_job_goes_on(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    hanging, left = tmp_path / "hanging", tmp_path / "left"
    hanging.mkdir()
    (hanging / "sitecustomize.py").write_text(HANG)
    left.touch()
    for name, value in {"PYTHONPATH": hanging, "HANGS_LEFT": left, "HANGS_AT": point}.items():
        monkeypatch.setenv(name, str(value))
    cluster.bench.submit(MOONS)
    expected = digest(cluster.bench.lead())
    worker = cluster.start_worker(poll_seconds=0.3, hung_seconds=1.5)

    job_id = cluster.bench.submit(MOONS)
    wait_until(lambda: cluster.bench.job(job_id).is_terminal, 60)

    job = cluster.bench.job(job_id)
    assert not left.exists()
    assert "action=hung doing=steps" in worker.log
    assert "reason=process_died" in worker.log  # by its own main process: the lease had not run out
    assert (job.attempt, digest(job)) == (2, expected)
    assert "worker_lost" in [each.reason for each in job.transitions]
