"""Every error as a problem document (RFC 9457): application/problem+json, with a pointer to what is wrong."""

import json
import logging
import re
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Scope

from lockstep.core.ground.errors import ExpressionError, InvalidData, SpecError
from lockstep.core.submission import problems_of
from lockstep.service.paths import root_of, route_path
from lockstep.service.problems import (
    MEANINGS,
    OF_STATUS,
    ProblemEntry,
    problem_document,
    problem_entry,
    type_of,
)
from lockstep.service.store.damage import damage
from lockstep.service.store.disk import says_disk_full
from lockstep.service.store.errors import Damaged, KeyReused, NotFound, Refused, Unfit

logger = logging.getLogger(__name__)

MAX_ENTRIES = 100
"""Entries of `errors` in one answer."""
RETRY_AFTER_SECONDS = 1
FULL_RETRY_AFTER_SECONDS = 10
"""Room comes when somebody makes it."""


class ApiProblem(Exception):
    """An answer other than a success; `errors` holds {pointer, code, message}."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[ProblemEntry] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.code = code or _only_code(errors) or OF_STATUS.get(status, "internal")
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        super().__init__(detail)


def _only_code(errors: Sequence[ProblemEntry]) -> str | None:
    """The code of what is wrong, where it is one thing that has a meaning of its own."""
    codes = {entry["code"] for entry in errors}
    return codes.pop() if len(codes) == 1 and codes <= MEANINGS.keys() else None


def problem_response(problem: ApiProblem, scope: Scope, instance: str) -> Response:
    """The problem document of a request for the path `instance`."""
    document = problem_document(
        problem.status,
        problem.code,
        problem.detail,
        instance=instance,
        errors=problem.errors[:MAX_ENTRIES],
    )
    document["type"] = type_of(problem.code, problem.status, root_of(scope))
    return Response(
        json.dumps(document, ensure_ascii=False).encode(errors="replace"),
        problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer each of its errors with a problem document."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405 and request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed_at(request)})
        return problem_response(problem_of(error, request), request.scope, request.url.path)

    for kind in (
        ApiProblem,
        HTTPException,
        RequestValidationError,
        SpecError,
        ExpressionError,
        InvalidData,
        NotFound,
        KeyReused,
        Refused,
        Unfit,
        Damaged,
        RecursionError,
        OperationalError,
        InterfaceError,
        PoolTimeout,
    ):
        app.add_exception_handler(kind, answer)


def problem_of(error: Exception, request: Request) -> ApiProblem:
    """What to answer to an error; whatever has no place here is a fault of ours: 500."""
    match error:
        case ApiProblem():
            return error
        case HTTPException():
            return _of_http(error, request)
        case RequestValidationError():
            return _of_validation(error)
        case OperationalError() | InterfaceError() | PoolTimeout():
            return _of_database(error)
    return refusal_of(error) or ApiProblem(
        500, "Something went wrong here. The log has the details under this answer's X-Request-Id."
    )


def refusal_of(error: Exception) -> ApiProblem | None:
    """What core and store refuse."""
    match error:
        case SpecError():
            count = len(error.problems)
            entries = [problem_entry(each.pointer, each.code, each.message) for each in error.problems]
            return ApiProblem(
                422,
                f"The spec has {count} problem{'s' if count != 1 else ''}.",
                code="invalid_spec",
                errors=entries,
            )
        case InvalidData():
            return unprocessable("/x", "invalid_data", str(error))
        case RecursionError():
            return unprocessable("", "too_nested", "expected fewer brackets inside each other")
        case KeyReused():
            return unprocessable("/header/Idempotency-Key", "key_reused", str(error))
        case NotFound():
            return ApiProblem(404, str(error))
        case Refused():
            return single_problem(409, error.reason, str(error))
        case Unfit():
            return unprocessable(error.pointer, error.code, str(error))
        case Damaged():
            return gone(f"{error.part}_damaged", str(error))
        case ExpressionError():
            # Those of a request are a SpecError: this is that of a job, which had no such fault when it came.
            return gone("spec_damaged", damage("spec", error).message)
    return None


def single_problem(status: int, code: str, message: str, pointer: str = "") -> ApiProblem:
    """A problem with one entry, whose message is the detail too."""
    return ApiProblem(status, message, errors=[{"pointer": pointer, "code": code, "message": message}])


def unprocessable(pointer: str, code: str, message: str) -> ApiProblem:
    """422 with one entry."""
    return single_problem(422, code, message, pointer)


def gone(code: str, message: str, pointer: str = "") -> ApiProblem:
    """410 with one entry: what was there can't be read any more."""
    return single_problem(410, code, message, pointer)


def disk_full(reason: str) -> ApiProblem:
    """503 for a database that has no room."""
    return ApiProblem(503, reason, code="disk_full", headers={"Retry-After": str(FULL_RETRY_AFTER_SECONDS)})


def _of_http(error: HTTPException, request: Request) -> ApiProblem:
    match error.status_code:
        case 404:
            detail = f"There is no {request.url.path}; /docs lists what there is."
        case 405:
            allowed = allowed_at(request)
            return ApiProblem(
                405,
                f"{request.method} is not allowed here; expected one of {allowed}.",
                headers={"Allow": allowed},
            )
        case _:
            detail = str(error.detail)
    return ApiProblem(error.status_code, detail, headers=error.headers)


def allowed_at(request: Request) -> str:
    """The methods of the address; the router itself tells only those of the first handler found there."""
    found = {"GET"}
    for path, methods in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), route_path(request.scope)):
            found = {method.upper() for method in methods}
            break
    return ", ".join(sorted({*found, "OPTIONS", *(("HEAD",) if "GET" in found else ())}))


def _of_validation(error: RequestValidationError) -> ApiProblem:
    """Problems of parameters: each with its place, /query/NAME or /header/NAME, and what came there."""
    entries = [problem_entry(each.pointer, each.code, each.message) for each in problems_of(error.errors())]
    return ApiProblem(
        422,
        "; ".join(f"{entry['pointer'].rpartition('/')[2]}: {entry['message']}" for entry in entries[:3]),
        code="invalid_parameter",
        errors=entries,
    )


def _of_database(error: Exception) -> ApiProblem:
    # The client only learns that it may try again.
    logger.error("action=database_failed error=%s", error)
    if says_disk_full(error):
        return disk_full("The disk of the database is full, and nothing of this was stored.")
    return ApiProblem(
        503,
        "The database does not answer right now; try again.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
