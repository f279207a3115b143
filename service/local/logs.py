"""The logs of a local service's processes: bounded, by copying a long one aside and emptying it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

MAX_LOG_BYTES = 8 * 2**20
KEPT_LOGS = 2
"""Older ones beside the log that is written to: NAME.log.1 is the later of them."""


def rotate(path: Path, most_bytes: int = MAX_LOG_BYTES) -> bool:
    """Put a log that has grown beyond `most_bytes` aside; returns whether it did.

    Processes write to it with O_APPEND through a descriptor that they keep, so it is emptied, not renamed:
    what they write next stands at its start. Where there is no room for the copy, the log stays as it is.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        if path.stat().st_size <= most_bytes:
            return False
        _put_aside(path, partial)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        return False
    return True


def _put_aside(path: Path, partial: Path) -> None:
    first, *older = [path.with_name(f"{path.name}.{number}") for number in range(1, KEPT_LOGS + 1)]
    with path.open("r+b") as log, partial.open("wb") as copy:
        shutil.copyfileobj(log, copy)
        copy.flush()
        newer = [first, *older[:-1]]
        for source, target in reversed(list(zip(newer, older, strict=True))):
            if source.exists():
                source.replace(target)
        # What was written meanwhile; only a line that comes between this and the next statement is lost.
        shutil.copyfileobj(log, copy)
        copy.flush()
        log.truncate(0)
    partial.replace(first)
