"""What the API's answers have in common.

An answer is a typed dictionary: /openapi.json describes it, the type checker holds the code that makes one to
that, and `dump_json` writes it as it is.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, with_config
from typing_extensions import TypedDict

from lockstep.core.ground.fields import MAX_KEYS, SpecModel, Switch, Text, Whole, few_entries
from lockstep.core.spec.job import MAX_SHARDS
from lockstep.core.spec.labels import MAX_NAME, MetadataKey, MetadataValue, Priority

Number = Annotated[
    float | Literal["NaN", "Infinity", "-Infinity"],
    Field(description="a number; those that are not finite come as strings"),
]
T = TypeVar("T")
Nested = (
    Sequence[T]
    | Sequence[Sequence[T]]
    | Sequence[Sequence[Sequence[T]]]
    | Sequence[Sequence[Sequence[Sequence[T]]]]
    | Sequence[Sequence[Sequence[Sequence[Sequence[T]]]]]
    | Sequence[Sequence[Sequence[Sequence[Sequence[Sequence[T]]]]]]
)
"""One thing for each row, or lists of it: a row has up to four axes (unflatten), one more by embedding."""
Metric = Number | Sequence[Number] | Sequence[Sequence[Number]] | Sequence[Sequence[Sequence[Number]]]
"""A single number, one for each class, a confusion matrix, or one for each output."""
answer = with_config(ConfigDict(use_attribute_docstrings=True))
"""Decorates an answer, or a part of one; more keys may come with later versions."""


@answer
class Page(TypedDict):
    """One page of a list; `last_id` is the `after` of the next one."""

    object: Literal["list"]
    has_more: bool
    first_id: str | None
    last_id: str | None


def page_head(ids: Sequence[str], has_more: bool) -> Page:
    """A page without its things, whose ids these are."""
    return {
        "object": "list",
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }


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


SpecPatch = Annotated[
    dict[str, JsonValue],
    Field(
        description="A merge patch (RFC 7396) of a job's spec: objects are patched key by key, null takes a "
        "key out, all else is put in its place."
    ),
]


class JobPatch(SpecModel):
    """What is to be otherwise about a job; a key that is left out stays as it is."""

    priority: Priority | None = None
    """which jobs come first: those of the greatest; null for 0"""
    name: Annotated[Text, StringConstraints(max_length=MAX_NAME)] | None = None
    """a name for people; null for none"""
    metadata: Annotated[dict[MetadataKey, MetadataValue | None], few_entries(MAX_KEYS)] | None = None
    """texts to set by their keys, null to take one out; null for none at all"""


class VerifyRequest(SpecModel):
    """How to train a job again."""

    workers: Annotated[int, Whole(ge=1, le=MAX_SHARDS)]
    """how many workers may train together, the lead included; at most the job's `shards`"""
    chaos: Switch = False
    """whether helpers are sent away and called again at random steps; it takes at least 2 workers"""
