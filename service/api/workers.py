"""/v1/workers: who works."""

from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AwareDatetime
from typing_extensions import TypedDict

from lockstep.service.api.conditions import IDLE_POLL_SECONDS, POLL, conditional
from lockstep.service.api.models import Page, answer, page_head
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import workers
from lockstep.service.store.workers import State
from lockstep.service.store.workers import Worker as StoredWorker

router = APIRouter(tags=["workers"])


@answer
class Worker(TypedDict):
    """A worker that has been heard of within 10 minutes."""

    id: str
    object: Literal["worker"]
    host: str | None
    """null, as pid and job_id, for who may not see what it works at"""
    pid: int | None
    state: State
    job_id: str | None
    fingerprint: str | None
    present: bool
    """whether it was heard of within 15 seconds"""
    resting: AwareDatetime | None
    """until when its host takes no jobs, because attempts at three jobs died there in a row; null: it does"""
    started_at: AwareDatetime
    heartbeat_at: AwareDatetime


@answer
class WorkerPage(Page):
    """The workers."""

    data: Sequence[Worker]


@router.get(
    "/workers",
    response_model=WorkerPage,
    responses={304: {"description": "nothing has changed (If-None-Match)"}},
    summary="List the workers",
)
def list_workers(services: TheServices, key: Reader, request: Request) -> Response:
    """The workers that have been heard of lately. `state` is idle, leading, helping or replaying.

    Which job a worker works at, and its host, are told to those who may see the job.
    """
    with services.database.read() as tx:
        found = workers.list_workers(tx)
        busy = {worker.job_id for worker in found if worker.job_id is not None}
        mine = busy if key.sees is None else workers.visible_jobs(tx, busy, key.sees)
    shown = [_worker(worker, whole=key.sees is None or worker.job_id in mine) for worker in found]
    page: WorkerPage = {**page_head([worker["id"] for worker in shown], False), "data": shown}
    return conditional(request, dump_json(page), {POLL: IDLE_POLL_SECONDS})


def _worker(worker: StoredWorker, *, whole: bool) -> Worker:
    """The worker, or of it what anybody may know."""
    return {
        "id": worker.worker_id,
        "object": "worker",
        "host": worker.host if whole else None,
        "pid": worker.pid if whole else None,
        "state": worker.state,
        "job_id": worker.job_id if whole else None,
        "fingerprint": worker.fingerprint,
        "present": worker.present,
        "resting": worker.resting_until,
        "started_at": worker.started_at,
        "heartbeat_at": worker.heartbeat_at,
    }
