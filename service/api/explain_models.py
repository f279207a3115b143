"""The shapes of the answers that explain a job."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired

from pydantic import AwareDatetime, JsonValue
from typing_extensions import TypedDict

from lockstep.service.api.models import Number, Page, answer


@answer
class Gradients(TypedDict):
    """The gradient of one step, averaged over its batch and before clipping."""

    step: int
    gradients: Mapping[str, JsonValue]
    """nested lists by the parameters' names; that of a scalar is a bare number"""
    norms: Mapping[str, Number]
    """the root of the sum of squares of each"""


@answer
class Pending(TypedDict):
    """The answer is not there yet: ask again after Retry-After seconds."""

    object: Literal["replay"]
    status: Literal["queued", "running"]
    message: str


@answer
class GraphNode(TypedDict):
    """One value: data, a parameter, what is computed from them, the loss."""

    id: int
    kind: Literal["data", "target", "parameter", "buffer", "constant", "op", "loss"]
    op: str
    name: str
    shape: Sequence[int]
    """for one sample; empty for one number"""
    inputs: Sequence[int]
    """ids of nodes before it"""
    value: NotRequired[JsonValue]
    """with a step: a number, nested lists, or for many numbers {shape, norm, min, max}"""
    gradient: NotRequired[JsonValue]
    """with a step: of the sample's loss with respect to the value"""


@answer
class Graph(TypedDict):
    """All that is computed for one sample, in its order."""

    object: Literal["graph"]
    output: int
    """the model's"""
    loss: int | None
    step: NotRequired[int | None]
    sample: NotRequired[int | None]
    nodes: Sequence[GraphNode]


@answer
class ForwardInput(TypedDict):
    """What a value is computed from."""

    node: int
    name: str
    value: JsonValue


@answer
class Derivative(TypedDict):
    """Of a step's value with respect to one of its inputs."""

    formula: str
    value: JsonValue
    """null where that is no array of its own"""


@answer
class BackwardInput(ForwardInput):
    """One way back: what goes out to an input, and by which rule."""

    derivative: Derivative
    gradient: JsonValue
    rule: str


@answer
class ForwardStep(TypedDict):
    """One value and what it is computed from."""

    node: int
    kind: str
    op: str
    name: str
    formula: str | None
    inputs: Sequence[ForwardInput]
    value: JsonValue


@answer
class BackwardStep(TypedDict):
    """One step back: what comes in (`gradient`) and what goes out to each input."""

    node: int
    op: str
    name: str
    value: JsonValue
    gradient: JsonValue
    inputs: Sequence[BackwardInput]


@answer
class Walk(TypedDict):
    """One backward pass for one sample, to follow by hand."""

    object: Literal["walk"]
    step: int
    sample: int
    loss: Number | None
    forward: Sequence[ForwardStep]
    backward: Sequence[BackwardStep]
    gradients: Mapping[str, JsonValue]


@answer
class Checkpoint(TypedDict):
    """A state from which training can go on to the same bits: that before `step`."""

    object: Literal["checkpoint"]
    id: str
    step: int
    attempt: int
    size_bytes: int
    sha256: str
    reasons: Sequence[Literal["start", "last", "best", "every"]]
    """why it is there: it is that of the start; one of the latest; that of the lowest validation loss, or one
    of every so many steps, as the spec asks"""
    created_at: AwareDatetime


@answer
class CheckpointPage(Page):
    """Those that are kept, by their steps: that of step 0, the latest two, and what the spec asks for.

    Of a job that is over, those that its spec does not ask for go after a day, or as the service is set.
    """

    data: Sequence[Checkpoint]
