"""The requests that an API process has answered: counted here, and every few seconds in the database.

There they survive restarts, and every API process tells the same. What a process has counted since it wrote
the last time is lost if it is killed.
"""

import logging
import threading
import time
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockstep.service.background import Background
from lockstep.service.paths import V1, route_path
from lockstep.service.store import counted, counters
from lockstep.service.store.counters import Increments
from lockstep.service.store.database import Database

logger = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER = "other"
"""A method or a route that there is not: what a client makes up is no label."""


class HttpCounts(Background):
    """Counts in memory, and writes what is new on a thread of its own; any thread may count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._tally = Increments()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="lockstep-http-counts", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Write what is left, and stop."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        self.write()

    def note(self, labels: Mapping[str, str], seconds: float) -> None:
        """Count a request that took so long."""
        with self._lock:
            self._tally.count(counted.REQUESTS, 1, labels)
            self._tally.observe(counted.REQUEST_SECONDS, seconds, {})

    def write(self) -> None:
        """Write what was counted since the last time; what the database refuses waits for the next."""
        with self._lock:
            new, self._tally = self._tally, Increments()
        if not new.sums:
            return
        try:
            with self._database.write() as tx:
                counters.tally_of(tx).merge(new)
        except SQLAlchemyError as error:
            logger.debug("action=http_counts_failed error=%s", error)
            with self._lock:
                self._tally.merge(new)

    def _write_on(self) -> None:
        while not self._stop.wait(WRITE_SECONDS):
            self.write()


class CountedRequests:
    """An ASGI layer that counts requests as their answers begin; the router within names the route."""

    def __init__(self, app: ASGIApp, counts: HttpCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at = time.monotonic()
        began = False

        async def send_counted(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                self._counts.note(_labels(scope, message["status"]), time.monotonic() - began_at)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            if not began:
                self._counts.note(_labels(scope, 500), time.monotonic() - began_at)
            raise


def _labels(scope: Scope, status: int) -> Mapping[str, str]:
    method = scope["method"] if scope["method"] in METHODS else OTHER
    return {"method": method, "route": _route(scope), "status": str(status)}


def _route(scope: Scope) -> str:
    """The route's address, with the prefix of its router, which FastAPI leaves out."""
    path: str | None = getattr(scope.get("route"), "path", None)
    if path is None:
        return OTHER
    return f"{V1}{path}" if route_path(scope).startswith(f"{V1}/") else path
