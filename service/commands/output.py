"""The standard output, which may be full, closed or short of signs."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys

import typer


def speak_any_text() -> None:
    r"""What the terminal has no sign for is written as \u...., not as a crash.

    ASCII is nearly always a locale that nobody has set, so it is taken for UTF-8, as Python takes C's.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if is_ascii else None, errors="backslashreplace")


def speaks_unicode() -> bool:
    """Whether the standard output takes every sign."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def complain(message: str) -> None:
    """Say what went wrong, on the standard error, if that takes it."""
    with contextlib.suppress(OSError):
        typer.echo(f"error: {message}", err=True)


def finish(status: int) -> int:
    """Write what still waits; the exit status, which is 1 at least where that could not be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        give_up()  # whoever read has heard enough
        return status or 1
    except OSError as error:
        give_up()
        complain(reason_of(error))
        return status or 1
    return status


def reason_of(error: OSError) -> str:
    """What the system refused, and where."""
    where = f"{error.filename}" if error.filename else "cannot write to the standard output"
    return f"{where}: {error.strerror or error}"


def give_up() -> None:
    """Write nothing more; the interpreter would try once more at its end, and say so."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
