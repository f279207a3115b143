"""What the specs of all kinds of jobs begin with."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lockstep.core.ground.fields import SpecModel, Text, few_entries

MAX_METADATA = 16
MAX_NAME = 200
"""Characters of a name for people."""

Kind = Literal["train", "minimize", "solve"]
DType = Literal["float32", "float64"]

MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[Text, StringConstraints(max_length=512)]


class Labels(SpecModel):
    """What sort of job it is, and what its user calls it."""

    kind: Kind
    """what sort of job this is"""
    name: Annotated[Text, StringConstraints(max_length=MAX_NAME)] | None = None
    """a name for people"""
    metadata: Annotated[
        dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA), few_entries(MAX_METADATA)
    ] = Field(default_factory=dict)
    """texts of your own; the list of jobs can be filtered by them"""
