"""A client of Lockstep's HTTP API, of the same shape: one method for each address, plain JSON in and out.

    with Client("http://127.0.0.1:8000", api_key) as client:
        job = client.create_job(spec)
        for update in client.watch(job["id"]):
            print(update.job["progress"], update.history)

Answers are the API's JSON as dictionaries. Numbers that are not finite come as the strings "NaN", "Infinity"
and "-Infinity", which `float` reads.
"""

import json
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import httpx2

from lockstep.service.answers import FASTEST_WATCH_SECONDS, SLOWEST_WATCH_SECONDS, problem_in, slowest_poll
from lockstep.service.client_types import (
    ApiError,
    Call,
    JsonObject,
    Update,
    WeightsFile,
    WeightsFormat,
    job_path,
)
from lockstep.service.own_address import is_loopback

__all__ = [
    "ApiError",
    "Call",
    "Client",
    "GraphFormat",
    "JsonObject",
    "Update",
    "WeightsFile",
    "WeightsFormat",
]

GraphFormat = Literal["json", "dot", "svg"]

CONNECT_TIMEOUT_SECONDS = 5.0
FIRST_PATIENCE_SECONDS = 1.0
"""How long to try a service that has never answered: it may be starting, but most likely it does not run."""
PATIENCE_SECONDS = 6.0
"""How long to try a service that has answered before: it may be restarting."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0
GONE = 410
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

MOVING_WATCH_SECONDS = 0.2


class Client:
    """A synchronous client with one pool of connections; close it, or use it as a context manager.

    Raises ApiError for every answer that is not a success, and ValueError for what can't be a job's id. All
    calls are safe to repeat (`create_job` and `verify` send an Idempotency-Key), so each is tried again for
    some seconds when the connection breaks or the service is busy.
    """

    def __init__(self, url: str, api_key: str | None = None, *, timeout_seconds: float = 30.0) -> None:
        self._url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected an address such as http://127.0.0.1:8000, got {url!r}")
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx2.Timeout(timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            trust_env=not is_loopback(parts.hostname),  # a proxy can't reach this machine's loopback
            # Loading the certificates takes longer than most calls; plain HTTP has no use for them.
            verify=parts.scheme == "https",
        )
        self._answered = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_job(self, spec: Mapping[str, Any], *, idempotency_key: str | None = None) -> JsonObject:
        """POST /v1/jobs: the new job, or the one that the same key has made already.

        `service.given_weights.with_weights` puts the weights of a file into a spec.
        """
        key = idempotency_key or str(uuid.uuid4())
        return _object(self._send(Call("POST", "/v1/jobs", body=spec, headers={"Idempotency-Key": key})))

    def validate(self, spec: Mapping[str, Any], *, gradcheck: bool = False) -> JsonObject:
        """POST /v1/jobs?validate_only=true: the job as it would be; none is made."""
        query = {"validate_only": "true", "gradcheck": "true" if gradcheck else None}
        return _object(self._send(Call("POST", "/v1/jobs", body=spec, query=query)))

    def list_jobs(  # noqa: PLR0913  (one argument for each parameter of the address)
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        order: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> JsonObject:
        """GET /v1/jobs: one page, newest first unless `order` says otherwise.

        `status` may be several, separated by commas; `name` is a part of it; `after` is the last page's
        `last_id`.
        """
        query: dict[str, object] = {"status": status, "kind": kind, "name": name, "order": order}
        query.update({f"metadata[{key}]": value for key, value in (metadata or {}).items()})
        query.update(limit=limit, after=after)
        return self._get("/v1/jobs", query)

    def job(self, job_id: str) -> JsonObject:
        """GET /v1/jobs/{id}."""
        return self._get(job_path(job_id))

    def spec(self, job_id: str) -> JsonObject:
        """GET /v1/jobs/{id}/spec: the whole spec, which the job itself has without large inline data."""
        return self._get(job_path(job_id, "/spec"))

    def cancel(self, job_id: str) -> JsonObject:
        """POST /v1/jobs/{id}/cancel: the job; safe to repeat."""
        return _object(self._send(Call("POST", job_path(job_id, "/cancel"))))

    def verify(
        self, job_id: str, workers: int, *, chaos: bool = False, idempotency_key: str | None = None
    ) -> JsonObject:
        """POST /v1/jobs/{id}/verify: a new job that trains it again on up to so many workers and compares.

        Its `result` has `matches`, or `not_comparable`. `chaos`: helpers leave and join at random.
        """
        call = Call(
            "POST",
            job_path(job_id, "/verify"),
            body={"workers": workers, "chaos": chaos},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        )
        return _object(self._send(call))

    def history(
        self,
        job_id: str,
        *,
        series: Sequence[str] | None = None,
        max_points: int | None = None,
        since_step: int | None = None,
    ) -> JsonObject:
        """GET /v1/jobs/{id}/history: {series: {name: {steps, values}}}; `since_step` is exclusive."""
        names = None if series is None else ",".join(series)
        query = {"max_points": max_points, "since_step": since_step, "series": names}
        return self._get(job_path(job_id, "/history"), query)

    def events(self, job_id: str, *, after: str | None = None, limit: int | None = None) -> JsonObject:
        """GET /v1/jobs/{id}/events: one page, oldest first; `after` is the last page's `last_id`."""
        return self._get(job_path(job_id, "/events"), {"after": after, "limit": limit})

    def members(self, job_id: str, *, after: str | None = None, limit: int | None = None) -> JsonObject:
        """GET /v1/jobs/{id}/members: one page of who works and has worked at it, in the order of coming."""
        return self._get(job_path(job_id, "/members"), {"after": after, "limit": limit})

    def gradients(self, job_id: str, step: int) -> JsonObject:
        """GET /v1/jobs/{id}/gradients, asked until it is there: {step, gradients, norms}."""
        return self._explained(job_id, "/gradients", {"step": step})

    def walk(self, job_id: str, step: int, sample: int = 0) -> JsonObject:
        """GET /v1/jobs/{id}/walk, asked until it is there: {step, sample, loss, forward, backward, ...}."""
        return self._explained(job_id, "/walk", {"step": step, "sample": sample})

    def graph(
        self, job_id: str, *, format: GraphFormat = "json", step: int | None = None, sample: int | None = None
    ) -> bytes:
        """GET /v1/jobs/{id}/graph: the file's bytes; with a step, with values and gradients of it."""
        query = {"format": format, "step": step, "sample": sample}
        return self._answered_at_last(Call("GET", job_path(job_id, "/graph"), query=query)).content

    def weights(self, job_id: str, *, format: WeightsFormat = "safetensors") -> bytes:
        """GET /v1/jobs/{id}/weights: the file's bytes."""
        return self.weights_file(job_id, format=format).content

    def weights_file(self, job_id: str, *, format: WeightsFormat = "safetensors") -> WeightsFile:
        """The same, and of which step the weights are where the job did not succeed."""
        response = self._send(Call("GET", job_path(job_id, "/weights"), query={"format": format}))
        step = response.headers.get("X-Lockstep-Step")
        return WeightsFile(content=response.content, step=None if step is None else int(step))

    def predict(self, job_id: str, x: Sequence[Any]) -> JsonObject:
        """POST /v1/jobs/{id}/predict: {y} and, for a classifier, {probabilities, labels, label_names}."""
        return _object(self._send(Call("POST", job_path(job_id, "/predict"), body={"x": x})))

    def workers(self) -> JsonObject:
        """GET /v1/workers: the workers that have been heard of lately."""
        return self._get("/v1/workers")

    def queue(self) -> JsonObject:
        """GET /v1/queue: how many jobs wait and run, and how many workers are present."""
        return self._get("/v1/queue")

    def is_ready(self) -> bool:
        """GET /readyz, once: whether the service answers and its database is migrated and answers too."""
        try:
            return self._http.get("/readyz", timeout=CONNECT_TIMEOUT_SECONDS).status_code == 200
        except httpx2.HTTPError:
            return False

    def watch(self, job_id: str, *, series: Sequence[str] | None = None) -> Iterator[Update]:
        """Yield the job and its new points whenever something moved, and a last time when the job is over.

        Asks often while things move and ever more seldom (up to each 5 s, or as the service hints) while not.
        """
        tag: str | None = None
        pause, since_step = FASTEST_WATCH_SECONDS, -1
        while True:
            headers = {} if tag is None else {"If-None-Match": tag}
            response = self._send(Call("GET", job_path(job_id), headers=headers))
            if response.status_code == 304:
                pause = min(pause * 1.5, slowest_poll(response))
            else:
                tag, job = response.headers.get("ETag"), _object(response)
                history = self._points(job_id, series, since_step)
                since_step = max([since_step, *(points["steps"][-1] for points in history.values())])
                yield Update(job=job, history=history)
                if job["is_terminal"]:
                    return
                pause = MOVING_WATCH_SECONDS if history else FASTEST_WATCH_SECONDS
            time.sleep(pause)

    def _points(self, job_id: str, series: Sequence[str] | None, since_step: int) -> dict[str, JsonObject]:
        """The points after a step; none where the record of them is damaged (410): the job goes on."""
        try:
            return dict(self.history(job_id, series=series, since_step=since_step)["series"])
        except ApiError as error:
            if error.status != GONE:
                raise
            return {}

    def _explained(self, job_id: str, rest: str, query: Mapping[str, object]) -> JsonObject:
        return _object(self._answered_at_last(Call("GET", job_path(job_id, rest), query=query)))

    def _answered_at_last(self, call: Call) -> httpx2.Response:
        """Ask until a worker has computed it; 202 says that it has not yet."""
        while (response := self._send(call)).status_code == 202:
            time.sleep(float(response.headers.get("Retry-After", SLOWEST_WATCH_SECONDS)))
        return response

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> JsonObject:
        return _object(self._send(Call("GET", path, query=query)))

    def _send(self, call: Call) -> httpx2.Response:
        """Send a call until it is answered or patience is out; 304 counts as a success."""
        patience = PATIENCE_SECONDS if self._answered else FIRST_PATIENCE_SECONDS
        deadline = time.monotonic() + patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                response = self._http.send(self._request(call))
            except httpx2.TransportError as error:
                # After a timeout the patience is used up already.
                if isinstance(error, httpx2.TimeoutException) or time.monotonic() + pause > deadline:
                    raise self._no_answer(error) from error
            else:
                self._answered = True
                if response.is_success or response.status_code == 304:
                    return response
                if response.status_code not in RETRIED_STATUSES or time.monotonic() + pause > deadline:
                    raise ApiError(response.status_code, problem_in(response))
            time.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _request(self, call: Call) -> httpx2.Request:
        headers = dict(call.headers or {})
        content: bytes | None = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body, allow_nan=False, separators=(",", ":")).encode()
        query = {name: str(value) for name, value in (call.query or {}).items() if value is not None}
        return self._http.build_request(
            call.method, call.path, params=query, content=content, headers=headers
        )

    def _no_answer(self, error: httpx2.TransportError) -> ApiError:
        detail = f"{self._url} does not answer ({error or type(error).__name__}). Is the service running?"
        return ApiError(0, {"title": "No answer", "detail": detail})


def _object(response: httpx2.Response) -> JsonObject:
    body: JsonObject = response.json()
    return body
