"""What the service's answers say, for the client."""

from collections.abc import Mapping
from typing import Any

import httpx2

FASTEST_WATCH_SECONDS = 0.02
SLOWEST_WATCH_SECONDS = 5.0


def problem_in(response: httpx2.Response) -> Mapping[str, Any]:
    """The problem document of an answer, or one made up when something else than Lockstep answered."""
    request_id = response.headers.get("X-Request-Id")
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase, "detail": response.text[:200]}
    return {"request_id": request_id, **problem}


def slowest_poll(response: httpx2.Response) -> float:
    """The longest pause between two questions, as the service hints, in seconds."""
    try:
        hint = float(response.headers.get("X-Poll-Interval", SLOWEST_WATCH_SECONDS))
    except ValueError:
        return SLOWEST_WATCH_SECONDS
    return hint if FASTEST_WATCH_SECONDS <= hint <= SLOWEST_WATCH_SECONDS else SLOWEST_WATCH_SECONDS
