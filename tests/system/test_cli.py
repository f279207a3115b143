"""The command line against a real service, as a user has it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.local_service import ROOT, LocalService, command, wait_until

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.json"))


def lockstep(
    service: LocalService | None, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command; with a service, in its data directory."""
    where = () if service is None else ("--data-dir", str(service.directory))
    return subprocess.run(
        command(*arguments, *where),
        cwd=ROOT,
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture(scope="module")
def iris(service: LocalService) -> dict[str, Any]:
    """The iris example, trained."""
    done = lockstep(service, "train", "examples/iris.json", "--watch", "--json")
    assert done.returncode == 0, done.stderr
    job: dict[str, Any] = json.loads(done.stdout)
    return job


def test_a_search_that_misses_its_goal_says_so_and_why(service: LocalService) -> None:
    circle = {"kind": "solve", "expression": "x**3 - 2*x + 2", "start": {"x": 0}, "target": 0}

    done = lockstep(service, "train", "-", "--watch", stdin=json.dumps(circle))

    assert done.returncode == 0, done.stderr
    assert "goal      not reached, and the steps are used up: |value - target| = " in done.stdout
    assert "finding   cycling at step 1,000: The same 2 points come again and again" in done.stdout
    shown = lockstep(service, "show", done.stdout.split()[0])
    assert shown.stdout == done.stdout


def test_training_with_a_watch_tells_how_it_ended(service: LocalService) -> None:
    done = lockstep(service, "train", "examples/line.json", "--watch")

    assert done.returncode == 0, done.stderr
    assert "a         2.00000078438591" in done.stdout
    assert "b         3.9999987308369374" in done.stdout
    assert "succeeded step 1,000/1,000" in done.stderr


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("digits", "spiral")])
def test_every_example_trains(service: LocalService, name: str) -> None:
    done = lockstep(service, "train", f"examples/{name}.json", "--watch", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads(done.stdout)["result"]["metrics"]
    assert metrics.get("test_accuracy", 1.0) >= 0.9
    assert metrics.get("test_r2", 1.0) >= 0.3


def test_the_example_of_the_readme_predicts(service: LocalService, iris: dict[str, Any]) -> None:
    done = lockstep(service, "predict", iris["id"], "-", stdin="[[5.1, 3.5, 1.4, 0.2]]")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels"] in (["setosa"], [0])


def test_what_goes_on_inside_a_job(service: LocalService, iris: dict[str, Any]) -> None:
    step = iris["result"]["steps"] // 2
    gradients = service.client.gradients(iris["id"], step)
    walk = service.client.walk(iris["id"], step, sample=1)
    done = lockstep(service, "gradcheck", "examples/iris.json")

    assert gradients["step"] == step
    assert set(gradients["gradients"]) == set(gradients["norms"]) == set(walk["gradients"])
    assert done.returncode == 0, done.stderr
    assert "the gradient is that of the loss" in done.stdout


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".json"])
def test_weights_are_saved(service: LocalService, iris: dict[str, Any], tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"iris{suffix}"

    done = lockstep(service, "weights", iris["id"], "-o", str(file))

    assert done.returncode == 0, done.stderr
    assert file.stat().st_size > 300


def test_weights_in_an_unknown_format_are_refused(service: LocalService, iris: dict[str, Any]) -> None:
    refused = lockstep(service, "weights", iris["id"], "-o", "iris.pt")

    assert refused.returncode == 1
    assert ".safetensors" in refused.stderr


def test_a_job_can_be_listed_shown_and_watched(service: LocalService, iris: dict[str, Any]) -> None:
    listed, shown = lockstep(service, "jobs"), lockstep(service, "show", iris["id"])
    watched = lockstep(service, "watch", iris["id"])

    assert iris["id"] in listed.stdout
    assert "succeeded" in listed.stdout
    assert iris["result"]["weights_sha256"] in shown.stdout
    assert shown.stdout == watched.stdout
    assert watched.returncode == 0


def test_a_running_job_is_cancelled(service: LocalService) -> None:
    spec = json.loads((ROOT / "examples" / "digits.json").read_text())
    started = lockstep(service, "train", "-", stdin=json.dumps({**spec, "epochs": 100_000}))
    job_id = started.stdout.split()[0]

    cancelled = lockstep(service, "cancel", job_id)
    watched = lockstep(service, "watch", job_id)

    assert cancelled.returncode == 0, cancelled.stderr
    assert watched.returncode == 1
    assert "cancelled" in watched.stdout


def test_wrong_specs_are_explained(service: LocalService) -> None:
    spec = json.loads((ROOT / "examples" / "iris.json").read_text())
    spec["model"]["layers"][1]["typ"] = spec["model"]["layers"][1].pop("type")

    refused = lockstep(service, "train", "-", stdin=json.dumps(spec))

    assert refused.returncode == 1
    assert "/model/layers/1" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_more_workers_than_shards_are_refused_with_what_to_do(service: LocalService) -> None:
    refused = lockstep(service, "train", "examples/line.json", "--workers", "9")

    assert refused.returncode == 1
    assert "shards" in refused.stderr


@pytest.mark.parametrize("verb", ["show", "watch", "cancel"])
def test_an_unknown_job_is_said_to_be_unknown(service: LocalService, verb: str) -> None:
    refused = lockstep(service, verb, "job_00000000000000000000000000")

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: 404")


def test_without_a_service_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    refused = lockstep(None, "jobs", "--data-dir", str(tmp_path))

    assert refused.returncode == 1
    assert "lockstep up" in refused.stderr


def test_a_service_that_does_not_answer_is_named() -> None:
    refused = lockstep(None, "jobs", LOCKSTEP_URL="http://127.0.0.1:9")

    assert refused.returncode == 1
    assert "http://127.0.0.1:9" in refused.stderr


def test_a_wrong_key_is_said_to_be_wrong(service: LocalService) -> None:
    refused = lockstep(None, "jobs", LOCKSTEP_URL=service.url, LOCKSTEP_API_KEY="not-the-key")

    assert refused.returncode == 1
    assert "LOCKSTEP_API_KEY" in refused.stderr


def test_a_key_lives_from_add_to_revoke(service: LocalService) -> None:
    added = lockstep(service, "keys", "add", "anna", "--scope", "read")
    secret, key_id = added.stdout.strip(), added.stderr.split()[0]

    reads = lockstep(None, "jobs", LOCKSTEP_URL=service.url, LOCKSTEP_API_KEY=secret)
    writes = lockstep(None, "train", "examples/line.json", LOCKSTEP_URL=service.url, LOCKSTEP_API_KEY=secret)
    listed = lockstep(service, "keys", "list")
    revoked = lockstep(service, "keys", "revoke", key_id)

    assert reads.returncode == 0, reads.stderr
    assert "403" in writes.stderr
    assert key_id in listed.stdout
    assert revoked.returncode == 0, revoked.stderr
    assert key_id not in lockstep(service, "keys", "list").stdout
    assert lockstep(service, "keys", "revoke", "key_unknown").returncode == 1


def test_doctor_finds_a_healthy_service(service: LocalService) -> None:
    done = lockstep(service, "doctor")

    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[1].rstrip(":"): line for line in done.stdout.splitlines()}
    for about in ("python", "numpy", "database", "clock", "workers", "broker", "key", "service"):
        assert lines[about].startswith("ok "), lines[about]
    told = json.loads(lockstep(service, "doctor", "--json").stdout)
    assert [(each["about"], each["grade"]) for each in told["data"]] == [
        (about, line.split()[0]) for about, line in lines.items()
    ]


def test_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"

    done = lockstep(
        None,
        "doctor",
        LOCKSTEP_DATABASE_URL=url,
        LOCKSTEP_BROKER_URL="redis://127.0.0.1:9",
        LOCKSTEP_API_KEY="local-only-change-me",
    )

    assert done.returncode == 1
    assert "lockstep migrate" in done.stdout
    assert "warning  key" in done.stdout
    assert "warning  broker" in done.stdout
    told = lockstep(None, "doctor", "--json", LOCKSTEP_DATABASE_URL=url)
    assert told.returncode == 1
    assert [each["about"] for each in json.loads(told.stdout)["data"] if each["grade"] == "error"] == [
        "database"
    ]


def test_migrate_makes_the_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"

    first = lockstep(None, "migrate", LOCKSTEP_DATABASE_URL=url)
    again = lockstep(None, "migrate", LOCKSTEP_DATABASE_URL=url)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert "broken" not in lockstep(None, "doctor", LOCKSTEP_DATABASE_URL=url).stdout


def test_what_a_cancelled_job_has_learned_can_be_saved(service: LocalService, tmp_path: Path) -> None:
    job = json.loads((ROOT / "examples" / "moons.json").read_text()) | {"epochs": 100_000, "stop": {}}
    job_id = service.client.create_job(job)["id"]
    wait_until(lambda: service.client.job(job_id)["progress"]["step"] > 0)
    assert lockstep(service, "cancel", job_id).returncode == 0
    wait_until(lambda: service.client.job(job_id)["is_terminal"])

    done = lockstep(service, "weights", job_id, "-o", str(tmp_path / "w.safetensors"))

    step = service.client.job(job_id)["progress"]["step"]
    assert done.returncode == 0, done.stderr
    assert f"of step {step:,}: the job has no result" in done.stdout


def test_weights_go_out_and_back_in(service: LocalService, iris: dict[str, Any], tmp_path: Path) -> None:
    for suffix in (".safetensors", ".npz", ".onnx"):
        done = lockstep(service, "weights", iris["id"], "-o", str(tmp_path / f"w{suffix}"))
        assert done.returncode == 0
        # Only an npz has no room for what is done to the inputs first.
        beside = tmp_path / "w.preprocessing.json"
        assert beside.exists() == (str(beside) in done.stdout) == (suffix == ".npz")
        if beside.exists():
            assert json.loads(beside.read_text()) == iris["result"]["preprocessing"]
            beside.unlink()

    for suffix in (".safetensors", ".npz"):
        back = lockstep(
            service, "train", "examples/iris.json", "--json", "--weights", str(tmp_path / f"w{suffix}")
        )
        start = json.loads(back.stdout)["spec"]["model"]["initial_weights"]
        assert start == iris["result"]["parameters"]
    wrong = lockstep(service, "train", "examples/wine.json", "--weights", str(tmp_path / "w.npz"))
    assert wrong.returncode == 1
    assert "0.weight: expected the shape (16, 13), got (16, 4)" in wrong.stderr


def test_a_job_is_verified(service: LocalService, iris: dict[str, Any]) -> None:
    done = lockstep(service, "verify", iris["id"], "--workers", "1")

    assert done.returncode == 0, done.stderr
    assert f"verifies  {iris['id']}" in done.stdout
    assert "compared  the same weights, bit for bit" in done.stdout
    assert f"expected  {iris['result']['weights_sha256']}" in done.stdout
    told = lockstep(service, "verify", iris["id"], "--workers", "1", "--json")
    assert json.loads(told.stdout)["result"]["matches"] is True
