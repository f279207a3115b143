"""Problem documents (RFC 9457), and what their `code` means. Each `type` leads to /docs/problems."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

PAGE = "/docs/problems"
MAX_HEAD_BYTES = 64 * 1024
"""A request's line and headers together; browsers and proxies send a tenth of it at most."""

OF_STATUS: Mapping[int, str] = MappingProxyType(
    {
        400: "json_invalid",
        401: "unauthorized",
        403: "scope_missing",
        404: "not_found",
        405: "method_not_allowed",
        408: "body_too_slow",
        409: "conflict",
        410: "damaged",
        413: "body_too_large",
        415: "unsupported_media_type",
        421: "wrong_host",
        422: "unprocessable",
        429: "too_many_requests",
        431: "headers_too_large",
        500: "internal",
        503: "unavailable",
    }
)
"""The code of a problem that has none of its own."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "json_invalid": "The body is not strict JSON: UTF-8, no NaN, each key once. `errors` says where.",
        "request_invalid": "This is not an HTTP/1.1 request, or its method or length is not valid.",
        "unauthorized": "There is no key, or it is unknown or was revoked. Send Authorization: Bearer KEY.",
        "scope_missing": "The key may not do this. Ask for one with the scope that `detail` names.",
        "not_found": "It does not exist, or it is another owner's: the answer is the same.",
        "unknown_job": "No job has the id that the body names, or it is another owner's.",
        "method_not_allowed": "The address has other methods; the header Allow names them.",
        "body_too_slow": "The body did not come in time: LOCKSTEP_BODY_SECONDS. Send it again.",
        "conflict": "The request does not fit the present state of what it is about.",
        "result_not_ready": "The job is not over, so there is nothing learned to take. Ask again when it is.",
        "no_weights": "The job ended and left no weights; `detail` says why.",
        "no_checkpoint": "The job has no checkpoint of that step. `detail` says of which steps it has one.",
        "job_over": "The job is over, so it can be neither paused nor resumed. Clone it for another like it.",
        "job_cancelling": "The job is being cancelled, which nothing can undo. Clone it for another like it.",
        "job_not_over": "Only a job that is over can be deleted. Cancel it, or wait for its end.",
        "job_deleted": "The job that this Idempotency-Key made was deleted. Take a new key for a new job.",
        "job_not_succeeded": "Only a result can be verified, and the job ended without one.",
        "nothing_to_verify": "The job was to verify another, nobody could compare, and it learned nothing.",
        "no_model": "The job found numbers and has no model; they are in result.parameters.",
        "step_not_done": "The job has not done that step (yet). `detail` says which it has done.",
        "replay_failed": "The step could not be computed again; `detail` says why.",
        "not_comparable": "This version's rules give other bits, so the job's steps can't be shown again.",
        "damaged": "It was stored and can't be read any more; `detail` says why and what to do.",
        "key_reused": "The Idempotency-Key was used before with another body. Take a new key for a new job.",
        "body_too_large": "The body is longer than LOCKSTEP_MAX_BODY_BYTES; `detail` says how much that is.",
        "unsupported_media_type": "A body is application/json in UTF-8, without a Content-Encoding.",
        "wrong_host": "The service does not answer to the name in the Host header: LOCKSTEP_ALLOWED_HOSTS.",
        "unprocessable": "The request is well formed but can't be done; `errors` says what to change.",
        "invalid_spec": "The spec can't be trained. `errors` has each mistake, with a pointer into the body.",
        "invalid_parameter": "A parameter or a header is wrong. `errors` points at it, as /query/NAME.",
        "unknown_parameter": "The address has no such parameter; a misspelt filter would be no filter.",
        "repeated_parameter": "The parameter is given more than once, and only one can count.",
        "unknown_series": "A job of this spec records no such series; `errors` says which it has.",
        "invalid_data": "The rows don't fit the model. `errors` says what it takes.",
        "inputs": 'The body is not an object of inputs, {"x": [...]}.',
        "too_nested": "Brackets are nested more deeply than any spec needs.",
        "not_exportable": "ONNX has no counterpart for a layer of the model. Other formats hold all weights.",
        "job_too_large": "The job would need more than LOCKSTEP_MAX_JOB_BYTES of memory; `errors` says more.",
        "too_many_requests": "Too many requests came; wait as long as Retry-After says.",
        "headers_too_large": "Request line and headers are longer than 64 KiB.",
        "busy": "The service holds as many bodies as it has room for. Try again after Retry-After seconds.",
        "disk_full": "The disk of the database is full: nothing was stored. Make room there, then try again.",
        "internal": "A fault of the service. Its log has the details under the answer's X-Request-Id.",
        "unavailable": "The database does not answer, or is not migrated. Try again after a while.",
    }
)
"""By code, in plain words: what it means and what to do."""


def type_of(code: str, status: int, root_path: str = "") -> str:
    """The address of what a code means; of what its status means where it has no entry of its own.

    `root_path`: the path of a proxy's below which the page is reached.
    """
    return f"{root_path}{PAGE}#{code if code in MEANINGS else OF_STATUS.get(status, 'internal')}"


@with_config(ConfigDict(use_attribute_docstrings=True))
class ProblemEntry(TypedDict):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the request's body, empty for the whole of it; for a parameter /query/NAME or
    /header/NAME"""
    code: str
    message: str


@with_config(ConfigDict(use_attribute_docstrings=True))
class ProblemDocument(TypedDict):
    """RFC 9457."""

    type: str
    """the address of a page that says what `code` means"""
    title: str
    status: int
    code: str
    """for programs: what is wrong, in one word"""
    detail: str
    instance: str
    errors: Sequence[ProblemEntry]


def problem_entry(pointer: str, code: str, message: str) -> ProblemEntry:
    """One thing that is wrong, and where."""
    return {"pointer": pointer, "code": code, "message": message}


def problem_document(
    status: int, code: str, detail: str, *, instance: str = "", errors: Sequence[ProblemEntry] = ()
) -> ProblemDocument:
    """The document of a problem at the address `instance`."""
    return {
        "type": type_of(code, status),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
        "errors": errors,
    }
