"""The shapes of the answers that explain a job, for OpenAPI."""

from typing import Literal

from pydantic import AwareDatetime, JsonValue

from lockstep.service.api.models import Answer, Number, Page


class Gradients(Answer):
    """The gradient of one step, averaged over its batch and before clipping."""

    step: int
    gradients: dict[str, JsonValue]
    """nested lists by the parameters' names; that of a scalar is a bare number"""
    norms: dict[str, Number]
    """the root of the sum of squares of each"""


class Pending(Answer):
    """The answer is not there yet: ask again after Retry-After seconds."""

    object: Literal["replay"]
    status: Literal["queued", "running"]
    message: str


class GraphNode(Answer):
    """One value: data, a parameter, what is computed from them, the loss."""

    id: int
    kind: Literal["data", "target", "parameter", "buffer", "constant", "op", "loss"]
    op: str
    name: str
    shape: list[int]
    """for one sample; empty for one number"""
    inputs: list[int]
    """ids of nodes before it"""
    value: JsonValue = None
    """with a step: a number, nested lists, or for many numbers {shape, norm, min, max}"""
    gradient: JsonValue = None
    """with a step: of the sample's loss with respect to the value"""


class Graph(Answer):
    """All that is computed for one sample, in its order."""

    object: Literal["graph"]
    output: int
    """the model's"""
    loss: int | None
    step: int | None = None
    sample: int | None = None
    nodes: list[GraphNode]


class ForwardStep(Answer):
    """One value and what it is computed from."""

    node: int
    kind: str
    op: str
    name: str
    formula: str | None
    inputs: list[dict[str, JsonValue]]
    """each {node, name, value}"""
    value: JsonValue


class BackwardStep(Answer):
    """One step back: what comes in (`gradient`) and what goes out to each input."""

    node: int
    op: str
    name: str
    value: JsonValue
    gradient: JsonValue
    inputs: list[dict[str, JsonValue]]
    """each {node, name, value, derivative: {formula, value}, gradient, rule}"""


class Walk(Answer):
    """One backward pass for one sample, to follow by hand."""

    object: Literal["walk"]
    step: int
    sample: int
    loss: Number | None
    forward: list[ForwardStep]
    backward: list[BackwardStep]
    gradients: dict[str, JsonValue]


class Checkpoint(Answer):
    """A state from which training can go on to the same bits: that before `step`."""

    object: Literal["checkpoint"]
    id: str
    step: int
    attempt: int
    size_bytes: int
    sha256: str
    created_at: AwareDatetime


class CheckpointPage(Page):
    """Those that are kept, by their steps: that of step 0 and the latest two."""

    data: list[Checkpoint]
