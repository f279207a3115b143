"""What the models of a spec share: strict numbers, safe texts, and no unknown key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, NoReturn

from annotated_types import Ge, GroupedMetadata, Le
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from lockstep.core.ground.descriptions import descriptions_of

MAX_KEYS = 100
"""More than any part of a spec knows; beyond it the keys are not looked at."""
REFUSED = "refused"
"""The type of the errors that `refuse` makes."""
MAX_SEED = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""


def refuse(code: str, message: str, pointer: str = "") -> NoReturn:
    """Refuse a value inside a validator, in words for the user.

    `pointer` is the place below the field; core.submission.problems adds it to the field's own.
    """
    raise PydanticCustomError(REFUSED, "{message}", {"message": message, "at": pointer, "code": code})


class SpecModel(BaseModel):
    """A part of a spec: frozen, unknown keys refused, its JSON keys those that the user writes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        serialize_by_alias=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The fields are described by the texts below them."""
        described = handler(schema)
        properties = handler.resolve_ref_schema(described).get("properties", {})
        for name, text in descriptions_of(cls).items():
            field = cls.model_fields.get(name)
            if field is not None and (key := field.alias or name) in properties:
                properties[key].setdefault("description", text)
        return described

    @model_validator(mode="before")
    @classmethod
    def _has_few_keys(cls, value: object) -> object:
        """Stop at once where a flood of unknown keys would each become an error."""
        if isinstance(value, dict) and len(value) > MAX_KEYS:
            refuse("too_long", f"expected at most {MAX_KEYS} keys, got {len(value)}; take some out")
        return value


def _whole(value: object) -> object:
    """Take 20.0 for 20: some JSON writers know only floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def few_entries(limit: int) -> BeforeValidator:
    """Stop at once where an object has more entries of the user's own naming than `limit`."""

    def check(value: object) -> object:
        if isinstance(value, dict) and len(value) > limit:
            refuse("too_long", f"expected at most {limit} entries, got {len(value)}; take some out")
        return value

    return BeforeValidator(check)


@dataclass(frozen=True, kw_only=True)
class Whole(GroupedMetadata):
    """Annotates an int: a whole number from `ge` to `le`; no text and no truth value is taken for one."""

    ge: int
    le: int | None = None

    def __iter__(self) -> Iterator[object]:
        # The validator comes last: limits that follow one are lost to the JSON schema.
        yield Strict()
        yield Ge(self.ge)
        if self.le is not None:
            yield Le(self.le)
        yield BeforeValidator(_whole)


Real = Annotated[float, Strict()]
"""A finite number; no text and no truth value is taken for one."""
Switch = Annotated[bool, Strict()]
"""true or false; no text and no number is taken for one."""
Eps = Annotated[Real, Field(gt=0, le=1)]
"""What is added to a variance, so that its root is no 0."""
Fraction = Annotated[Real, Field(ge=0, lt=1)]
"""A part of the rows."""
Seed = Annotated[int, Whole(ge=0, le=MAX_SEED)]
"""Where random numbers start."""
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(pattern=TEXT_PATTERN)]
"""A text without control characters: databases refuse some of them, and log lines break at others."""
