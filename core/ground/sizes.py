"""Sizes along the axes of samples, signals and images."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from lockstep.core.ground.fields import Whole

MAX_LENGTH = 100_000
MAX_WIDTH = 1_000_000
MAX_SAMPLE_AXES = 4

Width = Annotated[int, Whole(ge=1, le=MAX_WIDTH)]
"""A number of features, channels or positions."""
Shape = Annotated[tuple[Width, ...], Field(min_length=1, max_length=MAX_SAMPLE_AXES)]
"""The shape for one sample, without the axis of the rows."""


def _both(value: object) -> object:
    """One number stands for both axes."""
    return (value, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


_Length = Annotated[int, Whole(ge=1, le=MAX_LENGTH)]
_LengthOrZero = Annotated[int, Whole(ge=0, le=MAX_LENGTH)]
_one_or_two = BeforeValidator(_both, json_schema_input_type=_Length | tuple[_Length, _Length])
_zero_one_or_two = BeforeValidator(
    _both, json_schema_input_type=_LengthOrZero | tuple[_LengthOrZero, _LengthOrZero]
)

Single = _Length
"""A length of at least 1."""
ZeroSingle = _LengthOrZero
"""A length of at least 0."""
Pair = Annotated[tuple[_Length, _Length], _one_or_two]
"""Height and width of at least 1, written as one number or two."""
ZeroPair = Annotated[tuple[_LengthOrZero, _LengthOrZero], _zero_one_or_two]
"""Height and width of at least 0, written as one number or two."""
