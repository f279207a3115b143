"""A job as the API shows it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, cast

from pydantic import AwareDatetime, Field, JsonValue
from typing_extensions import TypedDict

from lockstep.core.spec import Kind
from lockstep.service.api.models import Metric, Number, Page, answer, page_head
from lockstep.service.api.wire import dump_json, with_member
from lockstep.service.store.jobs import Job as StoredJob
from lockstep.service.store.statuses import Status


@answer
class Progress(TypedDict):
    """How far a job is; at most a second old."""

    step: int
    steps: int
    """the most that can come"""
    epoch: int
    fraction: float
    eta_seconds: float | None


@answer
class Preprocessing(TypedDict):
    """Standardized inputs are (x - mean) / scale; `class_names` are in the order of the class numbers."""

    mean: Sequence[float] | None
    scale: Sequence[float] | None
    class_names: Sequence[str] | None


@answer
class Result(TypedDict):
    """What a finished job learned."""

    steps: int
    stop_reason: str
    loss: Number | None
    """of a training's last step, before its update; null for the other kinds"""
    value: NotRequired[Number | None]
    """what the formula of `minimize` or `solve` gives at the end; absent for a training"""
    reached: NotRequired[bool | None]
    """whether `solve` came within its tolerance, or `minimize` met a stop rule (null where it has none);
    absent for a training"""
    metrics: Mapping[str, Metric]
    """single numbers such as test_accuracy; lists of numbers for those with one for each class"""
    parameters: Mapping[str, JsonValue] | None
    """values by name, where there are at most 1,000 numbers; else null"""
    weights_sha256: str | None
    """null where a job that verifies another could compare nothing"""
    expected_sha256: NotRequired[str]
    """of a job that verifies another: that one's digest"""
    matches: NotRequired[bool]
    """of a job that verifies another: whether the weights are the same, bit for bit"""
    not_comparable: NotRequired[str]
    """of a job that verifies another: why no worker could compute the same bits; `matches` is absent then"""
    preprocessing: NotRequired[Preprocessing | None]
    """what to do to inputs where the weights are used elsewhere; null for nothing, and beyond 1,000 numbers:
    then the safetensors file has it; absent in jobs that were over before there was such a key"""


@answer
class JobError(TypedDict):
    """Why a job failed."""

    code: str
    message: str
    param: str | None


@answer
class Members(TypedDict):
    """How many workers a job wants, has, and had."""

    wanted: int
    active: int
    most: int
    """how many took part at once, at most"""
    advised: int | None
    """the number at which another one stops paying, as far as this was measured; null before"""


@answer
class Timings(TypedDict):
    """In milliseconds; null until that has happened."""

    queued_ms: float | None
    first_step_ms: float | None
    run_ms: float | None


@answer
class Transition(TypedDict):
    """A change of status."""

    status: Status
    reason: str | None
    at: AwareDatetime


@answer
class DamagedPart(TypedDict):
    """A part of a job's record that can't be read any more."""

    part: str
    """spec, inline_data, metadata, result or transitions"""
    message: str
    """why not, and what to do"""


@answer
class JobHead(TypedDict):
    """All of a job but its spec, which is JSON text already.

    Descriptions are in the annotations here: a typed dictionary does not hand on its docstrings.
    """

    id: str
    object: Literal["job"]
    kind: Kind
    name: str | None
    priority: Annotated[int, Field(description="which jobs come first: those of the greatest; -100 to 100")]
    metadata: Annotated[Mapping[str, str] | None, Field(description="null where it is damaged")]
    status: Status
    status_reason: Annotated[
        str | None,
        Field(
            description="one word for programs: why it waits (waiting_for_worker, no_worker, "
            "numerics_unavailable, worker_lost,\nworker_drained, turn_over, resumed, database_failed), or "
            "why it ended; null where there is nothing to say"
        ),
    ]
    status_message: str | None
    is_terminal: bool
    spec_url: Annotated[str, Field(description="where the whole spec is read")]
    progress: Progress
    result: Result | None
    error: JobError | None
    workers: Members
    timings: Timings
    transitions: Sequence[Transition]
    damaged: Annotated[
        Sequence[DamagedPart],
        Field(description="what can't be read any more of the job's record; empty where all is well"),
    ]
    cloned_from: Annotated[
        str | None, Field(description="the job that this one was made of; it may be gone. null for others")
    ]
    verifies: Annotated[
        str | None, Field(description="the job that this one trains again, to compare; null for others")
    ]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


@answer
class Job(JobHead):
    """A job. Inline data and initial weights of more than 64 KiB are left out of its spec, in lists all."""

    spec: Mapping[str, JsonValue] | None
    """what was sent, with all defaults filled in; null where it is damaged"""


@answer
class JobPage(Page):
    """Jobs, newest first."""

    data: Sequence[Job]


def job_path(job_id: str) -> str:
    """The job's address."""
    return f"/v1/jobs/{job_id}"


def job_bytes(job: StoredJob, root_path: str) -> bytes:
    """A `Job` as JSON, of a service below `root_path`. Its spec is JSON already, and goes in as it is.

    Where parts of its record are damaged, `damaged` names them; so does the status's message, where it says
    nothing else.
    """
    return with_member(dump_json(_head(job, root_path)), "spec", job.spec_json.encode())


def job_page_bytes(jobs: Sequence[StoredJob], has_more: bool, root_path: str) -> bytes:
    """A `JobPage` as JSON."""
    items = b",".join(job_bytes(job, root_path) for job in jobs)
    return with_member(dump_json(page_head([job.id for job in jobs], has_more)), "data", b"[%b]" % items)


def _head(job: StoredJob, root_path: str) -> JobHead:
    error = job.error
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind,
        "name": job.name,
        "priority": job.priority,
        "metadata": job.metadata,
        "status": job.status,
        "status_reason": job.status_reason,
        "status_message": job.status_message or "; ".join(each.message for each in job.damage) or None,
        "is_terminal": job.is_terminal,
        "spec_url": f"{root_path}{job_path(job.id)}/spec",
        "progress": {
            "step": job.step,
            "steps": job.steps,
            "epoch": job.epoch,
            "fraction": job.fraction,
            "eta_seconds": job.eta_seconds,
        },
        # As the attempt wrote it; the store has looked at its outlines.
        "result": cast("Result | None", job.result),
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "param": error.param},
        "workers": {
            "wanted": job.workers_wanted,
            "active": job.workers_active,
            "most": job.workers_most,
            "advised": job.workers_advised,
        },
        "timings": {"queued_ms": job.queued_ms, "first_step_ms": job.first_step_ms, "run_ms": job.run_ms},
        "transitions": [
            {"status": change.status, "reason": change.reason, "at": change.at} for change in job.transitions
        ],
        "cloned_from": job.cloned_from,
        "verifies": job.verifies,
        "damaged": [{"part": each.part, "message": each.message} for each in job.damage],
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
