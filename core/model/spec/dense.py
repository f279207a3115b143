"""Layers for rows of numbers, and those that only change a shape."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Fraction, SpecModel, Switch, Whole

MAX_WIDTH = 1_000_000
MAX_AXES = 4

Width = Annotated[int, Whole(ge=1, le=MAX_WIDTH)]
"""A number of features, channels or positions."""
Shape = Annotated[tuple[Width, ...], Field(min_length=1, max_length=MAX_AXES)]
"""The shape for one sample, without the axis of the rows."""


class Linear(SpecModel):
    """y = x Wᵀ + b over the last axis, as torch.nn.Linear; `weight` is (out, in), `bias` (out,)."""

    type: Literal["linear"]
    inputs: Annotated[Width, Field(alias="in")]
    """how many numbers come in for each row"""
    outputs: Annotated[Width, Field(alias="out")]
    """how many numbers go out for each row"""
    bias: Switch = True
    """whether a learned number is added to each output"""


class Identity(SpecModel):
    """x."""

    type: Literal["identity"]


class Flatten(SpecModel):
    """All numbers of a sample in one row, as torch.nn.Flatten."""

    type: Literal["flatten"]


class Unflatten(SpecModel):
    """A row of numbers in a new shape, as torch.nn.Unflatten(1, shape).

    An image is (channels, height, width), a sequence (length, features).
    """

    type: Literal["unflatten"]
    shape: Shape
    """the new shape of one sample; its product is the number of numbers that come in"""


class Dropout(SpecModel):
    """In training each number is 0 with probability p, else divided by 1 - p; nothing otherwise."""

    type: Literal["dropout"]
    p: Fraction = 0.5
    """the part that is dropped"""
