"""The statuses of a job and of a replay, each with its phase; docs/transitions.md has the ways between them.

Code asks for the phase of a status, not for its name. So a new status is declared here and in
transitions.py alone.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Phase = Literal["waiting", "working", "leaving", "aside", "done", "undone"]
"""waiting: for a worker to claim it. working: a worker holds a claim. leaving: the same, and is to end it.
aside: nobody claims it until its user says so. done: over, with a result. undone: over, without one."""
HELD: tuple[Phase, ...] = ("working", "leaving")
"""A worker holds a claim."""
OVER: tuple[Phase, ...] = ("done", "undone")

Status = Literal["queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
JOB_PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "queued": "waiting",
        "running": "working",
        "pausing": "leaving",
        "paused": "aside",
        "cancelling": "leaving",
        "succeeded": "done",
        "failed": "undone",
        "cancelled": "undone",
    }
)

REPLAY_PHASES: Mapping[str, Phase] = MappingProxyType(
    {"queued": "waiting", "running": "working", "done": "done", "failed": "undone"}
)


def in_phases(*phases: Phase) -> tuple[Status, ...]:
    """The statuses of a job that are in one of these phases."""
    return tuple(status for status in STATUSES if JOB_PHASES[status] in phases)


WAITING = in_phases("waiting")
WORKING = in_phases("working")
LIVE = in_phases(*HELD)
"""A worker holds a claim on the job."""
SUCCEEDED = in_phases("done")
ENDED_EARLY = in_phases("undone")
"""The job is over, though it has no result."""
TERMINAL = in_phases(*OVER)
"""The job is over for good."""
UNFINISHED = tuple(status for status in STATUSES if status not in TERMINAL)
