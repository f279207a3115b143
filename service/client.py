"""A client of Lockstep's HTTP API, of the same shape: one method for each address, plain JSON in and out.

    with Client("http://127.0.0.1:8000", api_key) as client:
        job = client.create_job(spec)
        for update in client.watch(job["id"]):
            print(update.job["progress"], update.history)

Answers are the API's JSON as dictionaries. Numbers that are not finite come as the strings "NaN", "Infinity"
and "-Infinity", which `float` reads.
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import httpx2

from lockstep.service.answers import FASTEST_WATCH_SECONDS, SLOWEST_WATCH_SECONDS, slowest_poll
from lockstep.service.client_types import (
    ApiError,
    Call,
    JsonObject,
    Update,
    WeightsFile,
    WeightsFormat,
    job_path,
)
from lockstep.service.connection import Connection, json_object

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

GONE = 410
MOVING_WATCH_SECONDS = 0.2


class Client(Connection):
    """A synchronous client with one pool of connections; close it, or use it as a context manager.

    Raises ApiError for every answer that is not a success, and ValueError for what can't be a job's id. All
    calls are safe to repeat (`create_job`, `clone` and `verify` send an Idempotency-Key), so each is tried
    again for some seconds when the connection breaks or the service is busy.
    """

    def create_job(self, spec: Mapping[str, Any], *, idempotency_key: str | None = None) -> JsonObject:
        """POST /v1/jobs: the new job, or the one that the same key has made already.

        `service.given_weights.with_weights` puts the weights of a file into a spec.
        """
        key = idempotency_key or str(uuid.uuid4())
        return json_object(self._send(Call("POST", "/v1/jobs", body=spec, headers={"Idempotency-Key": key})))

    def validate(self, spec: Mapping[str, Any], *, gradcheck: bool = False) -> JsonObject:
        """POST /v1/jobs?validate_only=true: the job as it would be; none is made."""
        query = {"validate_only": "true", "gradcheck": "true" if gradcheck else None}
        return json_object(self._send(Call("POST", "/v1/jobs", body=spec, query=query)))

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
        return json_object(self._send(Call("POST", job_path(job_id, "/cancel"))))

    def pause(self, job_id: str) -> JsonObject:
        """POST /v1/jobs/{id}/pause: the job, which no worker works at until it is resumed; safe to repeat."""
        return json_object(self._send(Call("POST", job_path(job_id, "/pause"))))

    def resume(self, job_id: str) -> JsonObject:
        """POST /v1/jobs/{id}/resume: the job, which goes on from where it was paused; safe to repeat."""
        return json_object(self._send(Call("POST", job_path(job_id, "/resume"))))

    def clone(
        self,
        job_id: str,
        patch: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> JsonObject:
        """POST /v1/jobs/{id}/clone: a new job of the same spec, changed by a merge patch (RFC 7396)."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        call = Call("POST", job_path(job_id, "/clone"), body=dict(patch or {}), headers=headers)
        return json_object(self._send(call))

    def edit(self, job_id: str, patch: Mapping[str, Any]) -> JsonObject:
        """PATCH /v1/jobs/{id}: the job with another `priority`, `name` or `metadata`, by a merge patch."""
        return json_object(self._send(Call("PATCH", job_path(job_id), body=patch)))

    def delete(self, job_id: str) -> JsonObject:
        """DELETE /v1/jobs/{id}: {id, object, deleted}, of a job that is over; a repeat is answered 404."""
        return json_object(self._send(Call("DELETE", job_path(job_id))))

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
        return json_object(self._send(call))

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
        return json_object(self._send(Call("POST", job_path(job_id, "/predict"), body={"x": x})))

    def checkpoints(self, job_id: str) -> JsonObject:
        """GET /v1/jobs/{id}/checkpoints: the states that are kept, and why each is."""
        return self._get(job_path(job_id, "/checkpoints"))

    def workers(self) -> JsonObject:
        """GET /v1/workers: the workers that have been heard of lately."""
        return self._get("/v1/workers")

    def queue(self) -> JsonObject:
        """GET /v1/queue: how many jobs wait and run, and how many workers are present."""
        return self._get("/v1/queue")

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
                tag, job = response.headers.get("ETag"), json_object(response)
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
        return json_object(self._answered_at_last(Call("GET", job_path(job_id, rest), query=query)))

    def _answered_at_last(self, call: Call) -> httpx2.Response:
        """Ask until a worker has computed it; 202 says that it has not yet."""
        while (response := self._send(call)).status_code == 202:
            time.sleep(float(response.headers.get("Retry-After", SLOWEST_WATCH_SECONDS)))
        return response
