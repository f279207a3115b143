"""What the service's answers say, for the client."""

from collections.abc import Mapping
from typing import Any

import httpx2


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
