"""The shapes of the API's answers, for OpenAPI. The handlers build the JSON themselves, which is faster."""

from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from lockstep.core.spec import Kind
from lockstep.service.store.statuses import Status

Number = Annotated[
    float | Literal["NaN", "Infinity", "-Infinity"],
    Field(description="a number; those that are not finite come as strings"),
]
T = TypeVar("T")
Nested = (
    list[T]
    | list[list[T]]
    | list[list[list[T]]]
    | list[list[list[list[T]]]]
    | list[list[list[list[list[T]]]]]
    | list[list[list[list[list[list[T]]]]]]
)
"""One thing for each row, or lists of it: a row has up to four axes (unflatten), one more by embedding."""
Metric = Number | list[Number] | list[list[Number]] | list[list[list[Number]]]
"""A single number, one for each class, a confusion matrix, or one for each output."""


class Answer(BaseModel):
    """Base of all answers; more keys may come with later versions."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ProblemEntry(Answer):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the request's body, empty for the whole of it; for a parameter /query/NAME or
    /header/NAME"""
    code: str
    message: str


class ProblemDocument(Answer):
    """RFC 9457."""

    type: str
    """the address of a page that says what `code` means"""
    title: str
    status: int
    code: str
    """for programs: what is wrong, in one word"""
    detail: str
    instance: str
    errors: list[ProblemEntry]


class Progress(Answer):
    """How far a job is; at most a second old."""

    step: int
    steps: int
    """the most that can come"""
    epoch: int
    fraction: float
    eta_seconds: float | None


class Preprocessing(Answer):
    """Standardized inputs are (x - mean) / scale; `class_names` are in the order of the class numbers."""

    mean: list[float] | None
    scale: list[float] | None
    class_names: list[str] | None


class Result(Answer):
    """What a finished job learned."""

    steps: int
    stop_reason: str
    loss: Number | None
    """of a training's last step, before its update; null for the other kinds"""
    value: Number | None = None
    """what the formula of `minimize` or `solve` gives at the end; absent for a training"""
    reached: bool | None = None
    """whether `solve` came within its tolerance, or `minimize` met a stop rule (null where it has none);
    absent for a training"""
    metrics: dict[str, Metric]
    """single numbers such as test_accuracy; lists of numbers for those with one for each class"""
    parameters: JsonValue
    """values by name, where there are at most 1,000 numbers; else null"""
    weights_sha256: str
    preprocessing: Preprocessing | None = None
    """what to do to inputs where the weights are used elsewhere; null for nothing, and beyond 1,000 numbers:
    then the safetensors file has it; absent in jobs that were over before there was such a key"""


class JobError(Answer):
    """Why a job failed."""

    code: str
    message: str
    param: str | None


class Members(Answer):
    """How many workers a job wants, and has."""

    wanted: int
    active: int


class Timings(Answer):
    """In milliseconds; null where it has not come to that."""

    queued_ms: float | None
    first_step_ms: float | None
    run_ms: float | None


class Transition(Answer):
    """A change of status."""

    status: Status
    reason: str | None
    at: AwareDatetime


class DamagedPart(Answer):
    """A part of a job's record that can't be read any more."""

    part: str
    """spec, inline_data, metadata, result or transitions"""
    message: str
    """why not, and what to do"""


class Job(Answer):
    """A job. Inline data and initial weights of more than 64 KiB are left out of its spec, in lists all."""

    id: str
    object: Literal["job"]
    kind: Kind
    name: str | None
    metadata: dict[str, str] | None
    """null where it is damaged"""
    status: Status
    status_reason: str | None
    """one word for programs: why it waits (no_worker, numerics_unavailable, worker_lost, worker_drained,
    database_failed), or why it ended; null where there is nothing to say"""
    status_message: str | None
    is_terminal: bool
    spec: dict[str, JsonValue] | None
    """what was sent, with all defaults filled in; null where it is damaged"""
    spec_url: str
    """where the whole spec is read"""
    progress: Progress
    result: Result | None
    error: JobError | None
    workers: Members
    timings: Timings
    transitions: list[Transition]
    damaged: list[DamagedPart]
    """what can't be read any more of the job's record; empty where all is well"""
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class Page(Answer):
    """One page of a list; `last_id` is the `after` of the next one."""

    object: Literal["list"]
    has_more: bool
    first_id: str | None
    last_id: str | None


class JobPage(Page):
    """Jobs, newest first."""

    data: list[Job]


class Event(Answer):
    """Something that happened to a job."""

    id: str
    object: Literal["job.event"]
    created_at: AwareDatetime
    level: Literal["info", "warning", "error"]
    type: str
    message: str
    data: dict[str, JsonValue]


class EventPage(Page):
    """Events, oldest first."""

    data: list[Event]


class Points(Answer):
    """The points of one series; of one longer than `max_points`, one point of each bucket.

    Of such a series `min`, `max` and `mean` are over the finite values of each bucket ("NaN" where it has
    none), and `count` says how many points are in it; else the four are absent. The first bucket's point is
    the first of the series, the last one's the last.
    """

    steps: list[int]
    values: list[Number]
    min: list[Number] | None = None
    max: list[Number] | None = None
    mean: list[Number] | None = None
    count: list[int] | None = None


class Gap(Answer):
    """Points of a series that can't be read any more."""

    series: str
    first_step: int
    last_step: int
    message: str
    """why not, and what to do"""


class History(Answer):
    """The series by name."""

    series: dict[str, Points]
    damaged: list[Gap]
    """what of them can't be read any more; empty where all is well"""


class Inputs(BaseModel):
    """Rows to predict for."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    x: (
        list[float]
        | list[list[float]]
        | list[list[list[float]]]
        | list[list[list[list[float]]]]
        | list[list[list[list[list[float]]]]]
    )
    """one row of inputs each; a flat list is one column. Where the model begins with an unflatten, a row may
    be nested as that makes it"""


class Prediction(Answer):
    """What the model answers."""

    y: Nested[Number]
    """raw outputs, nested as the model gives them for a row; a bare number where it gives one"""
    probabilities: Nested[Number] | None = None
    """of a classifier, nested as `y`"""
    labels: Nested[int | None] | None = None
    """of a classifier: class numbers, null where an output is NaN; a list for each row of a sequence"""
    label_names: Nested[str | None] | None = None
    """what the data call the classes in `labels`, where they have names"""


class Health(Answer):
    """Whether the service can work."""

    status: Literal["ok"]
