"""Looking after the pool's child: a dead one is replaced at once, but not for ever where none can work."""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import state

logger = logging.getLogger(__name__)

MAX_STILLBORN = 3


class Nursery:
    """Replaces a pool's dead children; ends the worker when none reports in.

    `reported` says how many children have done so; `MAX_STILLBORN` in a row may die before it.
    """

    def __init__(self, reported: Callable[[], int]) -> None:
        self._reported = reported
        self._seen = 0
        self._known: set[int] = set()
        self._since: set[int] = set()

    def look(self, pool: Any) -> None:
        """Do it once; `pool` is Celery's."""
        pool.maintain_pool()
        here = {child.pid for child in pool._pool._pool}
        if self._reported() != self._seen:
            self._seen = self._reported()
            self._known = here
            self._since.clear()
        self._since |= here - self._known
        if len(self._since) > MAX_STILLBORN and not state.should_stop:
            logger.error(
                "action=no_child: %d children in a row died before they could work; what they said is above",
                MAX_STILLBORN,
            )
            # Celery's loop ends the worker with this exit status.
            state.should_stop = 1  # type: ignore[assignment]  # its stubs know None alone
