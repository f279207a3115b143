"""The process that reads large bodies, one after another; it ends when the API that started it does."""

import os
import queue
import signal
import sys
import threading
from dataclasses import replace
from typing import BinaryIO

from pydantic import TypeAdapter

from lockstep.service.api import frames
from lockstep.service.api.submission import Asked, Refusal, Submission, read_submission

NICENESS = 10
"""It yields to those who answer others."""


def main() -> None:
    """Answer what comes on standard input until that ends."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the API, which ends this one
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        asked: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
        while True:
            _answer(answers, *asked.get())


def _listen(questions: BinaryIO, asked: "queue.SimpleQueue[tuple[bytes, bytes]]") -> None:
    """Hand on what comes, and end the process when the API is gone, whatever is at work."""
    while True:
        try:
            asked.put(frames.receive(questions))
        except EOFError:
            os._exit(0)


def _answer(answers: BinaryIO, head: bytes, body: bytes) -> None:
    found = read_submission(body, TypeAdapter(Asked).validate_json(head))
    blob = found.blob if isinstance(found, Submission) else None
    told = found if isinstance(found, Refusal) else replace(found, blob=None)
    answer = TypeAdapter[Submission | Refusal](Submission | Refusal).dump_json(told)
    frames.send(answers, answer, blob or b"")


if __name__ == "__main__":
    main()
