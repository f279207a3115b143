"""What the commands print about a job, from the JSON that the API answers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lockstep.service.client import Update
from lockstep.service.commands.access import DEFAULT_DATA_DIR
from lockstep.service.commands.demo import summary
from lockstep.service.commands.jobs import job_lines, number
from lockstep.service.commands.progress import duration, fields_of, show_updates
from lockstep.service.commands.told import finding_lines, verdict_lines
from tests.local_service import ROOT


def make_job(**changes: Any) -> dict[str, Any]:
    job: dict[str, Any] = {
        "id": "job_1",
        "name": "line",
        "status": "running",
        "status_message": None,
        "is_terminal": False,
        "progress": {"step": 500, "steps": 1000, "epoch": 500, "fraction": 0.5, "eta_seconds": 3.0},
        "workers": {"wanted": 2, "active": 1, "most": 1, "advised": None},
        "result": None,
        "error": None,
        "timings": {"run_ms": None},
        "started_at": "2026-01-01T00:00:00Z",
    }
    return {**job, **changes}


SUCCEEDED = make_job(
    status="succeeded",
    is_terminal=True,
    progress={"step": 1000, "steps": 1000, "epoch": 1000, "fraction": 1.0, "eta_seconds": None},
    result={
        "steps": 1000,
        "stop_reason": "steps_done",
        "loss": 1.5e-13,
        "metrics": {
            "test_accuracy": 0.96944,
            "test_f1_per_class": [0.5, 1.0],
            "test_confusion_matrix": [[11, 2], [0, 3]],
        },
        "parameters": {"a": 2.00000078438591, "w": [[1, 2]]},
        "weights_sha256": "ab" * 32,
    },
    timings={"run_ms": 1234.5},
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.44, "9.4 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (1.0e-13, "1e-13"), ("NaN", "NaN"), (None, "-"), (0, "0")]
)
def test_numbers_read_well(value: object, text: str) -> None:
    assert number(value) == text


def test_a_finished_job_shows_its_result_in_full() -> None:
    text = "\n".join(job_lines(SUCCEEDED, []))

    assert "steps_done after 1,000 steps" in text
    assert "test_accuracy 0.96944" in text
    assert "test_f1_per_class 0.5 1\n" in text
    assert "\n  11  2\n   0  3\n" in text
    assert "a         2.00000078438591" in text
    assert "[[1, 2]]" not in text
    assert "ab" * 32 in text
    assert "1.2 s" in text


def test_a_job_without_a_loss_shows_its_value() -> None:
    result = {**SUCCEEDED["result"], "loss": None, "value": 150.00007713, "metrics": {}}
    update = Update(job=make_job(), history={"value": {"steps": [1], "values": [150.217687]}})

    text = "\n".join(job_lines(make_job(status="succeeded", is_terminal=True, result=result), []))

    assert "value     150" in text
    assert "loss" not in text
    assert fields_of(update, None)["loss"] == "value 150.2"


def test_a_failed_job_shows_its_error() -> None:
    error = {"code": "diverged", "message": "the loss is NaN at step 12", "param": "/optimizer/learning_rate"}

    text = "\n".join(job_lines(make_job(status="failed", is_terminal=True, error=error), []))

    assert "diverged at /optimizer/learning_rate: the loss is NaN at step 12" in text


def test_the_bar_tells_step_loss_speed_eta_and_members() -> None:
    update = Update(job=make_job(), history={"loss": {"steps": [498, 499], "values": [0.2, 0.125]}})

    fields = fields_of(update, 1234.5)

    assert fields == {
        "steps": "step 500/1,000",
        "loss": "loss 0.125",
        "speed": "1,234 steps/s",
        "eta": "3.0 s left",
        "members": "1 worker",
    }


def test_a_loss_that_is_not_finite_is_shown() -> None:
    update = Update(job=make_job(), history={"loss": {"steps": [499], "values": ["NaN"]}})

    assert fields_of(update, None)["loss"] == "loss nan"


def test_without_a_terminal_there_are_lines() -> None:
    updates = [
        Update(job=make_job(), history={}),
        Update(job=make_job(), history={}),
        Update(job=SUCCEEDED, history={}),
    ]
    out = io.StringIO()

    job = show_updates(updates, Console(file=out, width=40))

    assert job is SUCCEEDED
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["running", "succeeded"]


def test_on_a_terminal_there_is_a_bar() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system=None)

    show_updates([Update(job=make_job(), history={})], console)

    assert "step 500/1,000" in out.getvalue()


@pytest.mark.parametrize(("place", "serves"), [(ROOT, "make up"), (Path("/"), "lockstep up")])
def test_the_demos_last_lines_are_as_promised(
    place: Path, serves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)

    lines = summary(SUCCEEDED, DEFAULT_DATA_DIR, members=2, seconds=6.04)

    assert lines[0] == "trained 1,000 steps on 2 workers in 6.0 s"
    assert lines[1] == "test accuracy 0.97"
    assert lines[2] == "digest " + "ab" * 32
    assert f"`{serves}` serves the page" in lines[3]
    elsewhere = summary(SUCCEEDED, Path("a b"), members=2, seconds=6.04)
    assert "`lockstep up --data-dir 'a b'`" in elsewhere[3]


def searched(spec: dict[str, Any], **result: Any) -> dict[str, Any]:
    job = make_job(status="succeeded", is_terminal=True, spec=spec)
    common = {
        "steps": 9,
        "stop_reason": "steps_done",
        "loss": None,
        "metrics": {},
        "weights_sha256": "ab" * 32,
    }
    return job | {"result": common | result}


SOLVE = {"kind": "solve", "target": 5, "tolerance": 1e-6}


@pytest.mark.parametrize(
    ("spec", "result", "line"),
    [
        (
            SOLVE,
            {"value": 7.5, "reached": False},
            "goal      not reached, and the steps are used up: |value - target| = 2.5, tolerance 1e-06",
        ),
        (SOLVE, {"value": 5.0, "reached": True}, "goal      reached: |value - target| = 0, tolerance 1e-06"),
        (
            {"kind": "minimize", "stop": {"value_below": 0.5, "gradient_norm_below": None}},
            {"value": 1.25, "reached": False},
            "goal      not reached, and the steps are used up: wanted a value below 0.5 (it is 1.25)",
        ),
        (
            {"kind": "minimize", "stop": {"value_below": 0.5, "gradient_norm_below": 0.1}},
            {"value": 1.25, "reached": True},
            "goal      reached: wanted a value below 0.5 (it is 1.25) or a gradient norm below 0.1",
        ),
    ],
)
def test_a_search_says_whether_it_reached_its_goal(
    spec: dict[str, Any], result: dict[str, Any], line: str
) -> None:
    assert line in job_lines(searched(spec, **result), [])


@pytest.mark.parametrize("result", [{"value": 1.0, "reached": None}, {"value": 1.0}])
def test_a_search_without_a_goal_says_nothing_of_one(result: dict[str, Any]) -> None:
    lines = job_lines(searched({"kind": "minimize", "stop": {}}, **result), [])

    assert not any(line.startswith("goal") for line in lines)


def test_findings_are_told_with_layer_and_step() -> None:
    events = [
        {"type": "status", "message": "the job is running", "data": {"status": "running"}},
        {
            "type": "finding",
            "message": "They come again.",
            "data": {"code": "cycling", "layer": None, "step": 1000},
        },
        {
            "type": "finding",
            "message": "They are dead.",
            "data": {"code": "dead_units", "layer": "1", "step": 40},
        },
    ]

    assert finding_lines(events) == [
        "finding   cycling at step 1,000: They come again.",
        "finding   dead units in layer 1 at step 40: They are dead.",
    ]


def on(job: dict[str, Any], **workers: Any) -> dict[str, Any]:
    """The job, with other numbers of workers."""
    return {**job, "workers": {**job["workers"], **workers}}


AUTO = {"workers": "auto"}


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (make_job(), "workers   1 of 2"),
        (on(make_job(), most=2, advised=1), "workers   1 of 2 (1 advised)"),
        (SUCCEEDED, "workers   1 at most, 2 wanted"),
        (on(SUCCEEDED, most=2), "workers   2"),
        (on(SUCCEEDED, wanted=8, most=3, advised=3), "workers   3 at most, 8 wanted (3 advised)"),
        (make_job(status="failed", is_terminal=True, started_at=None), "workers   none, 2 wanted"),
        ({**on(make_job(), wanted=8), "spec": AUTO}, "workers   1 of at most 8"),
        ({**on(SUCCEEDED, wanted=8, most=3, advised=2), "spec": AUTO}, "workers   3 (2 advised)"),
    ],
)
def test_a_job_that_is_over_tells_on_how_many_workers_it_ran(job: dict[str, Any], line: str) -> None:
    assert line in job_lines(job, [])


def verified(**result: Any) -> dict[str, Any]:
    """A job that verifies another and is over."""
    return {**SUCCEEDED, "verifies": "job_0", "result": {**SUCCEEDED["result"], **result}}


@pytest.mark.parametrize(
    ("matches", "said"), [(True, "the same weights, bit for bit"), (False, "other weights")]
)
def test_a_verification_says_what_came_of_it(matches: bool, said: str) -> None:
    job = verified(matches=matches, expected_sha256="cd" * 32)
    events = [{"type": "verified", "data": {"joined": 3, "left": 2}}]

    assert verdict_lines(job, events) == [
        "verifies  job_0",
        f"compared  {said}",
        f"expected  {'cd' * 32}",
        "helpers   came 3 and went 2 times",
    ]
    assert verdict_lines(SUCCEEDED, events) == []


def test_a_verification_that_could_not_compare_has_no_digest() -> None:
    job = verified(weights_sha256=None, not_comparable="other numerics", expected_sha256="cd" * 32)

    lines = job_lines(job, [])

    assert "compared  not comparable: other numerics" in lines
    assert not [line for line in lines if line.startswith(("digest", "stopped", "loss"))]
