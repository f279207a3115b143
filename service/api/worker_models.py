"""The shapes of the answers about workers and the queue, for OpenAPI."""

from typing import Any, Literal, get_args

from pydantic import AwareDatetime, create_model

from lockstep.service.api.models import Answer, Page
from lockstep.service.store.statuses import UNFINISHED
from lockstep.service.store.workers import State


class Worker(Answer):
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
    started_at: AwareDatetime
    heartbeat_at: AwareDatetime


class WorkerPage(Page):
    """The workers."""

    data: list[Worker]


def _answer(name: str, meaning: str, **fields: Any) -> type[Answer]:
    """A model some of whose fields are named by what the store declares."""
    # It has no source whose docstrings could be read.
    undocumented = {"use_attribute_docstrings": False}
    return create_model(name, __base__=Answer, __doc__=meaning, __cls_kwargs__=undocumented, **fields)


Queue = _answer(
    "Queue",
    "How many jobs are not over, how long the oldest queued one has waited, and who is there.",
    object=Literal["queue"],
    jobs=_answer("QueuedJobs", "Jobs by status.", **dict.fromkeys(UNFINISHED, int)),
    oldest_queued_seconds=float | None,
    workers=_answer("WorkerStates", "Workers by state.", **dict.fromkeys(get_args(State), int)),
)
