"""What the commands print about those who work at a job."""

from __future__ import annotations

from typing import Any

from lockstep.service.commands.jobs import job_lines
from tests.service.commands.test_showing import make_job, on


def member(**changes: Any) -> dict[str, Any]:
    return {
        "worker_id": "worker_a", "host": "here", "role": "lead", "rank": 0, "transport": "none",
        "joined_step": 0, "left_step": None, "left": None, "shards": 4,
        "compute_seconds": 61.0, "exchange_seconds": 0.5, "waiting_seconds": 0.25, **changes,
    }  # fmt: skip


def test_members_are_shown_below_a_job_that_more_than_one_worked_at() -> None:
    gone = member(
        worker_id="worker_b", role="helper", rank=1, transport="shared_memory", joined_step=1200,
        left_step=3000, left="late",
    )  # fmt: skip

    lines = job_lines(on(make_job(), most=2), [], [member(), gone])

    assert lines[-3].split()[:4] == ["worker", "host", "role", "rank"]
    assert lines[-2].split() == [
        "worker_a", "here", "lead", "0", "-", "0-",
        "4", "1", "min", "1", "s", "0.5", "s", "0.2", "s",
    ]  # fmt: skip
    assert "shared memory  1,200-3,000  late" in lines[-1]
