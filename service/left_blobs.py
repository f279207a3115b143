"""Takes out blobs that nothing has named for an hour, a few at a time."""

import logging
import time
from collections.abc import Callable

from lockstep.service.store import left_blobs
from lockstep.service.store.database import Database

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""Between two looks."""
LEFT_SECONDS = 3600.0
"""How long nothing must have named a blob: a POST names its own within seconds."""
MAX_LOOKED_AT = 10_000
MAX_TAKEN_OUT = 4
"""In one transaction, which others wait for."""


class LeftBlobs:
    """Remembers since when nothing names a blob; the database has no times of blobs.

    A restart begins the hour again. Several processes may do it at once.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._due_at = monotonic()
        self._after = ""
        self._since: dict[str, float] = {}

    def step(self) -> None:
        """Take some out, or look at some, the latter once a minute. Raises what the database raises."""
        now = self._monotonic()
        if now < self._due_at:
            return
        self._due_at = now + LOOK_SECONDS
        old = [name for name, since in self._since.items() if now - since >= LEFT_SECONDS]
        if old:
            self._take_out(old[:MAX_TAKEN_OUT])
            self._due_at = now
        else:
            self._look(now)

    def _look(self, now: float) -> None:
        with self._database.read() as tx:
            page = left_blobs.find(tx, self._after, MAX_LOOKED_AT)
        for name in [*self._since]:
            if name > self._after and (page.last is None or name <= page.last) and name not in page.names:
                del self._since[name]
        for name in page.names:
            self._since.setdefault(name, now)
        self._after = page.last or ""

    def _take_out(self, names: list[str]) -> None:
        with self._database.write() as tx:
            gone = left_blobs.take_out(tx, names)
        for name in names:
            del self._since[name]
        if gone:
            logger.info("action=took_out blobs=%d", len(gone))
