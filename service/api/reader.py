"""Reads posted jobs: small bodies in a thread, large ones in a process of their own.

Parsing 28 MiB takes seconds that a thread would spend with the interpreter's lock held: no other request
would be answered meanwhile. One process reads one large body after another, so that memory is bounded too;
others wait for it without a thread.
"""

import logging
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

from anyio import CapacityLimiter, to_thread
from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter

from lockstep.service.api import frames
from lockstep.service.api.body import LARGE_BYTES
from lockstep.service.api.submission import Asked, Refusal, Submission, read_submission
from lockstep.service.errors import RETRY_AFTER_SECONDS, ApiProblem

logger = logging.getLogger(__name__)

MAX_SECONDS = 120.0
"""How long one body may take there."""
END_SECONDS = 5.0


class SubmissionReader:
    """Reads bodies for one event loop. Its process starts with the first large one and ends at `close`."""

    def __init__(self) -> None:
        self._turns = CapacityLimiter(1)
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    async def read(self, body: bytes, asked: Asked) -> Submission:
        """The job that a body describes; raises ApiProblem with what is wrong with it."""
        if len(body) <= LARGE_BYTES:
            found = await run_in_threadpool(read_submission, body, asked)
        else:
            found = await to_thread.run_sync(self._read_apart, body, asked, limiter=self._turns)
        if isinstance(found, Refusal):
            raise found.problem()
        return found

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process; those that wait for it are answered 503."""
        self._closed = True
        self._kill()
        with self._lock:
            self._end()

    def _read_apart(self, body: bytes, asked: Asked) -> Submission | Refusal:
        with self._lock:
            process = self._running()
            overdue = threading.Timer(MAX_SECONDS, process.kill)
            overdue.start()
            try:
                found, blob = self._exchange(process, body, asked)
            except (OSError, EOFError) as error:
                self._kill()
                self._end()
                logger.error("action=reader_died bytes=%d error=%s", len(body), error)
                raise _unread() from error
            finally:
                overdue.cancel()
        return replace(found, blob=blob) if isinstance(found, Submission) and blob else found

    def _exchange(
        self, process: subprocess.Popen[bytes], body: bytes, asked: Asked
    ) -> tuple[Submission | Refusal, bytes]:
        if process.stdin is None or process.stdout is None:
            raise OSError("the process has no pipes")
        frames.send(process.stdin, TypeAdapter(Asked).dump_json(asked), body)
        head, blob = frames.receive(process.stdout)
        return TypeAdapter[Submission | Refusal](Submission | Refusal).validate_json(head), blob

    def _running(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise _unread()
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            # -P: what lies in the working folder is not to be imported.
            command = [sys.executable, "-P", "-m", "lockstep.service.api.large_bodies"]
            self._process = subprocess.Popen(  # noqa: S603  (our own command line)
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process

    def _kill(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def _end(self) -> None:
        """Leave nothing of the process, which is dying or dead."""
        if (process := self._process) is None:
            return
        process.kill()
        process.wait(END_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet written has nobody to go to
                    pipe.close()
        self._process = None


def _unread() -> ApiProblem:
    return ApiProblem(
        503,
        "The process that reads large bodies ended before it had read this one; try again.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
