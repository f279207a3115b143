"""JSON in and out of the API: strict reading with clear refusals, and numbers that are not finite."""

import json
from collections.abc import AsyncIterator
from typing import Any, NoReturn

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic_core import to_json

from lockstep.service.api.body import reading
from lockstep.service.errors import ApiProblem
from lockstep.service.problems import problem_entry

BIG_BODY_BYTES = 64 * 1024
"""A larger body is parsed in a thread, so that others are answered meanwhile."""


class JsonResponse(Response):
    """An answer in JSON; NaN and the infinities are written as the strings "NaN", "Infinity", "-Infinity"."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a JSON value, of bytes that are JSON already, or of nothing."""
        return content if isinstance(content, bytes) else dump_json(content)


def dump_json(content: object) -> bytes:
    """`content` as compact JSON in UTF-8: times as RFC 3339, what is not finite as in JsonResponse.

    By pydantic, which writes long lists of numbers ten times as fast as the standard library.
    """
    return to_json(content, inf_nan_mode="strings")


def with_member(head: bytes, name: str, value: bytes) -> bytes:
    """A JSON object, not an empty one, with one more member, whose value is JSON already."""
    return b'%b,"%b":%b}' % (head[:-1], name.encode(), value)


async def sent_body(request: Request) -> AsyncIterator[bytes]:
    """The request's body, said to be JSON; refuses what is too large or of another type.

    Its bytes count as the service's to bear until the request is answered.
    """
    _check_type(request)
    async with reading(request, request.app.state.services.bodies) as body:
        yield body


async def json_body(request: Request) -> AsyncIterator[object]:
    """The same as JSON; refuses what is not strictly that."""
    async for body in sent_body(request):
        yield await run_in_threadpool(parse_json, body) if len(body) > BIG_BODY_BYTES else parse_json(body)


def _check_type(request: Request) -> None:
    content_type = request.headers.get("Content-Type", "")
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        got = f"got {content_type[:100]!r}" if content_type else "got none"
        raise ApiProblem(415, f"expected Content-Type: application/json in UTF-8, {got}")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiProblem(415, "expected a body without Content-Encoding; send it uncompressed")


def parse_json(body: bytes) -> object:
    """Strict JSON: UTF-8, no NaN, keys once, no lone surrogates, no endless nesting or numbers."""
    if not body.strip():
        raise _malformed("expected a JSON object, got an empty body")
    try:
        text = body.decode("utf-8")
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        if "\\ud" in text or "\\uD" in text:
            # An escaped half of a surrogate pair is a str that no UTF-8 can hold.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise _malformed(
            f"expected UTF-8, got the byte 0x{body[error.start]:02x} at offset {error.start}"
        ) from error
    except UnicodeEncodeError as error:
        raise _malformed(
            "expected Unicode text, got half of a surrogate pair (\\ud800 to \\udfff)"
        ) from error
    except json.JSONDecodeError as error:
        raise _malformed(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise _malformed("nested too deeply: expected fewer brackets inside each other") from error
    except ValueError as error:
        # What is left is Python's limit of 4300 digits for one whole number.
        raise _malformed("expected numbers of at most 300 digits, got a longer one") from error
    return value


def _malformed(message: str) -> ApiProblem:
    return ApiProblem(
        400, "The body is not JSON that can be read.", errors=[problem_entry("", "json_invalid", message)]
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _malformed(f"the key {key[:80]!r} stands twice in one object; keep one of them")
            seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON; numbers must be finite")
