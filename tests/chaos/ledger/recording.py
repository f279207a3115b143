"""The history of a part: JSON lines, written as things happen, by any thread."""

import gzip
import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Line = dict[str, Any]
"""One thing that happened; `what` says of what kind it is, `at` when, in seconds since the epoch."""


class Recorder:
    """Writes a history. As a context manager it closes the file."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.open(path, "wt", encoding="utf-8", compresslevel=3)  # noqa: SIM115  (it is one itself)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._file.close()

    def write(self, what: str, **values: Any) -> None:
        """Note something, by default as of now."""
        line = {"what": what, "at": time.time(), **values}
        with self._lock:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def write_all(self, what: str, lines: Iterable[Line]) -> None:
        """Note several of a kind."""
        for line in lines:
            self.write(what, **line)


def read_history(path: Path) -> Iterator[Line]:
    """The lines of a history."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
