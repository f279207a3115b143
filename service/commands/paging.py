"""Lists that the service gives page by page, read as one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

PAGE = 100
"""The most that the service gives at once."""


def all_of(
    read: Callable[..., dict[str, Any]], job_id: str, most_pages: int | None = None
) -> list[dict[str, Any]]:
    """What a method of the client lists of a job, in its own order; `most_pages` at most."""
    ask = partial(read, job_id, limit=PAGE)
    found: list[dict[str, Any]] = []
    after: str | None = None
    for _ in count() if most_pages is None else range(most_pages):
        page = ask(after=after)
        found += page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            break
    return found
