"""The commands that tell of the inside of a job and that list, against a real service."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.local_service import ROOT, LocalService, command
from tests.system.test_cli import lockstep

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]


@pytest.fixture(scope="module")
def iris(service: LocalService) -> dict[str, Any]:
    """The iris example, trained."""
    done = lockstep(service, "train", "examples/iris.json", "--watch", "--json")
    assert done.returncode == 0, done.stderr
    job: dict[str, Any] = json.loads(done.stdout)
    return job


INSIDE = ("show", "history", "events", "gradients", "walk", "graph", "open")


@pytest.mark.parametrize("verb", INSIDE)
def test_what_is_told_of_a_job_can_be_had_as_json(
    service: LocalService, iris: dict[str, Any], verb: str
) -> None:
    told = lockstep(service, verb, iris["id"], "--json", DISPLAY="", WAYLAND_DISPLAY="", BROWSER="")

    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    last = iris["result"]["steps"] - 1
    wanted: dict[str, Any] = {
        "show": lambda: service.client.job(iris["id"]),
        "history": lambda: service.client.history(iris["id"]),
        "events": lambda: {
            "object": "list",
            "has_more": False,
            "data": service.client.events(iris["id"])["data"],
        },
        "gradients": lambda: service.client.gradients(iris["id"], last),
        "walk": lambda: service.client.walk(iris["id"], last),
        "graph": lambda: json.loads(service.client.graph(iris["id"])),
        "open": lambda: {"url": f"{service.url}/#/jobs/{iris['id']}?key={key_of(service)}", "opened": False},
    }
    assert answer == wanted[verb]()


def key_of(service: LocalService) -> str:
    return (service.directory / "api-key").read_text().strip()


def test_the_inside_of_a_job_is_told_in_lines(
    service: LocalService, iris: dict[str, Any], tmp_path: Path
) -> None:
    history = lockstep(service, "history", iris["id"])
    points = lockstep(service, "history", iris["id"], "--series", "loss", "--points", "5")
    unknown = lockstep(service, "history", iris["id"], "--series", "los")
    events = lockstep(service, "events", iris["id"])
    gradients = lockstep(service, "gradients", iris["id"], "--step", "3")
    walk = lockstep(service, "walk", iris["id"], "--step", "3", "--sample", "1")
    drawing = lockstep(service, "graph", iris["id"], "-o", str(tmp_path / "iris.svg"))
    dot = lockstep(service, "graph", iris["id"], "--format", "dot")

    every = service.client.history(iris["id"], series=["loss"])["series"]["loss"]
    [line] = [line for line in history.stdout.splitlines() if line.startswith("loss ")]
    assert line.split()[1:4] == [
        f"{len(every['steps']):,}",
        f"{every['values'][0]:.4g}",
        f"{min(every['values']):.4g}",
    ]
    assert len(points.stdout.splitlines()) == 6
    assert unknown.returncode == 1
    assert "got 'los'; did you mean 'loss'?" in unknown.stderr
    assert "the job is succeeded" in events.stdout
    assert "0.weight" in gradients.stdout
    assert "step 3, row 1" in walk.stdout
    assert (tmp_path / "iris.svg").read_text().startswith("<svg")
    assert drawing.returncode == 0, drawing.stderr
    assert dot.stdout.startswith("digraph")
    assert "linear" in lockstep(service, "graph", iris["id"]).stdout


def test_lists_can_be_searched_and_followed(service: LocalService, iris: dict[str, Any]) -> None:
    found = lockstep(service, "jobs", "--name", "IRIS", "--status", "succeeded,failed", "--order", "name")
    none = lockstep(service, "jobs", "--metadata", "team=nobody", "--json")
    wrong = lockstep(service, "jobs", "--metadata", "team")
    order = lockstep(service, "jobs", "--order", "loss")
    workers = lockstep(service, "workers")

    assert iris["id"] in found.stdout
    assert json.loads(none.stdout)["data"] == []
    assert "expected KEY=VALUE" in wrong.stderr
    assert (order.returncode, order.stderr.count("error")) == (1, 1)
    assert len(workers.stdout.splitlines()) == 3
    watching = subprocess.Popen(
        command("jobs", "--watch", "--json", "--data-dir", str(service.directory)),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell that runs the tests behind its back has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        before = json.loads(watching.stdout.readline())
        new = service.client.create_job(json.loads((ROOT / "examples" / "line.json").read_text()))["id"]
        after = json.loads(watching.stdout.readline())
        assert new not in {job["id"] for job in before["data"]}
        assert after["data"][0]["id"] == new
    finally:
        watching.send_signal(signal.SIGINT)
        _, complaint = watching.communicate(timeout=10)
    assert (watching.returncode, complaint) == (130, "")
