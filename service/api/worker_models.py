"""The shapes of the answers about workers and the queue, for OpenAPI."""

from typing import Literal

from pydantic import AwareDatetime

from lockstep.service.api.models import Answer, Page


class Worker(Answer):
    """A worker that has been heard of within 10 minutes."""

    id: str
    object: Literal["worker"]
    host: str | None
    """null, as pid and job_id, for who may not see what it works at"""
    pid: int | None
    state: Literal["idle", "leading", "helping", "replaying"]
    job_id: str | None
    fingerprint: str | None
    present: bool
    """whether it was heard of within 15 seconds"""
    started_at: AwareDatetime
    heartbeat_at: AwareDatetime


class WorkerPage(Page):
    """The workers."""

    data: list[Worker]


class QueuedJobs(Answer):
    """Jobs by status."""

    queued: int
    running: int
    cancelling: int


class WorkerStates(Answer):
    """Workers by state."""

    idle: int
    leading: int
    helping: int
    replaying: int


class Queue(Answer):
    """How many jobs are not over, how long the oldest queued one has waited, and who is there."""

    object: Literal["queue"]
    jobs: QueuedJobs
    oldest_queued_seconds: float | None
    workers: WorkerStates
