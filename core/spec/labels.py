"""What the specs of all kinds of jobs begin with."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lockstep.core.ground.fields import Real, SpecModel, Text, Whole, few_entries

MAX_METADATA = 16
MAX_NAME = 200
"""Characters of a name for people."""
MAX_PRIORITY = 100
MAX_LIMIT_SECONDS = 366 * 86_400.0

Kind = Literal["train", "minimize", "solve"]
DType = Literal["float32", "float64"]

MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[Text, StringConstraints(max_length=512)]
Priority = Annotated[int, Whole(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
"""The greater, the sooner."""
LimitSeconds = Annotated[Real, Field(gt=0, le=MAX_LIMIT_SECONDS)]


class Labels(SpecModel):
    """What sort of job it is, what its user calls it, when it comes, and how long it may take."""

    kind: Kind
    """what sort of job this is"""
    name: Annotated[Text, StringConstraints(max_length=MAX_NAME)] | None = None
    """a name for people"""
    metadata: Annotated[
        dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA), few_entries(MAX_METADATA)
    ] = Field(default_factory=dict)
    """texts of your own; the list of jobs can be filtered by them"""
    # It is about the queue, not about what is trained: the job has it beside its spec, which stays as sent.
    priority: Annotated[Priority, Field(exclude=True)] = 0
    """which jobs come first: those of the greatest"""
    max_run_seconds: LimitSeconds | None = None
    """how long workers may work at it, all attempts together; past it the job fails. Waiting doesn't count"""
    max_queue_seconds: LimitSeconds | None = None
    """how long it may wait for its first worker; past it the job fails"""
