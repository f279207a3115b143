"""Errors of the database without the values that came to them: such an error goes into a log.

SQLAlchemy's `hide_parameters` leaves out a statement's parameters. What the server itself says may quote them
again (DETAIL: Key (sha256)=(…) already exists), in the driver's error, which a traceback shows too.
"""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

DATA_EXCEPTION = "22"
"""The class of SQLSTATE whose first line quotes values: invalid input syntax for type integer: "…"."""


def redact_errors(engine: Engine) -> None:
    """Take values out of the messages of all errors of `engine`, before anybody sees them."""
    event.listen(engine, "handle_error", _redact)


def _redact(context: ExceptionContext) -> None:
    found = context.original_exception
    state, said = _said_by_server(found)
    if state is None:
        return  # not a server's answer: SQLite quotes no values, nor does a connection that fails
    name = type(found).__name__
    message = name if state.startswith(DATA_EXCEPTION) else f"{name}: {said}"
    found.args = (f"{message} (SQLSTATE {state})",)
    if context.sqlalchemy_exception is not None:
        context.sqlalchemy_exception.args = (f"({name}) {message} (SQLSTATE {state})",)


def _said_by_server(error: Any) -> tuple[str | None, str | None]:
    """SQLSTATE and the first line of psycopg's errors that a server sent."""
    details = getattr(error, "diag", None)
    return (None, None) if details is None else (details.sqlstate, details.message_primary)
