"""The list of jobs on terminals of 60 and 80 cells and elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from lockstep.service.commands.listing import age, job_table, queue_table

NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)


def make_job(number: int, **changes: Any) -> dict[str, Any]:
    job = {
        "id": f"job_1k17zvjw1q09ffga891fw{number:03}",
        "name": "a line through two points",
        "status": "succeeded",
        "is_terminal": True,
        "progress": {"step": 1000, "steps": 1000},
        "result": {"loss": 1.672310001e-13},
        "created_at": "2026-11-27T11:40:00Z",
    }
    return {**job, **changes}


JOBS = [
    make_job(1),
    make_job(2, name=None, status="failed", result=None, progress={"step": 203, "steps": 1000}),
    make_job(3, name="\u200b", result={"loss": None, "value": 150.000077}),
    make_job(4, name="x" * 200, status="cancelling", result=None),
    make_job(5, status="running", result=None, progress={"step": 1_234_567, "steps": 1_000_000_000}),
    make_job(6, result={"loss": "NaN"}),
]
NUMBERS = ("1.672e-13", "203/1,000", "150", "1,234,567/1,000,000,000", "NaN", "20 min")


@pytest.mark.parametrize("width", [60, 80, 100, 120, None])
def test_every_number_is_whole(width: int | None) -> None:
    lines = job_table({"data": JOBS, "has_more": True}, width, NOW)

    text = "\n".join(lines)
    assert all(job["id"] in text for job in JOBS)
    assert all(number in text for number in NUMBERS)
    assert width is None or max(map(cell_len, lines)) <= width
    assert lines[-1] == "... and more; see --limit"
    assert "\u200b" not in text


def test_80_cells_hold_a_usual_job_in_a_line() -> None:
    lines = job_table({"data": JOBS[:3], "has_more": False}, 80, NOW)

    assert len(lines) == 4
    assert lines[1] == "job_1k17zvjw1q09ffga891fw001  a line t…  succeeded      1,000  1.672e-13  20 min"


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-11-27T12:00:01Z", "0 s"),
        ("2026-11-27T11:59:01.5Z", "58 s"),
        ("2026-11-27T11:00:01Z", "59 min"),
        ("2026-11-26T12:00:01Z", "23 h"),
        ("2026-11-20T12:00:00Z", "7 d"),
    ],
)
def test_ages_read_well(moment: str, said: str) -> None:
    assert age(moment, NOW) == said


QUEUE: dict[str, Any] = {
    "jobs": {"queued": 2, "running": 1, "paused": 0},
    "workers": {"idle": 0, "leading": 1, "helping": 0, "replaying": 0},
    "waiting": [
        {
            "job_id": "job_1",
            "owner": "anna",
            "priority": 5,
            "position": 1,
            "reason": "waiting_for_worker",
            "queued_seconds": 3.25,
            "workers_wanted": 1,
        },
        {
            "job_id": "job_2",
            "owner": "ben",
            "priority": 0,
            "position": 12,
            "reason": None,
            "queued_seconds": 125.0,
            "workers_wanted": 2,
        },
    ],
}


def test_the_queue_is_told_in_its_order() -> None:
    lines = queue_table(QUEUE, None)

    assert lines[0] == "jobs: 2 queued, 1 running; workers: 1, 0 of them idle"
    assert [line.split() for line in lines[2:]] == [
        ["1", "job_1", "5", "anna", "waiting_for_worker", "3.2", "s"],
        ["12", "job_2", "0", "ben", "-", "2", "min", "5", "s"],
    ]


def test_an_empty_queue_has_no_table() -> None:
    lines = queue_table({**QUEUE, "jobs": {"queued": 0}, "waiting": []}, None)

    assert lines == ["jobs: none; workers: 1, 0 of them idle"]
