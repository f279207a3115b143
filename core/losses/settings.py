"""Numbers that losses have in common as settings."""

from typing import Annotated

from pydantic import Field

from lockstep.core.ground.fields import Real

MAX_CLASS_WEIGHTS = 100_000

Positive = Annotated[Real, Field(gt=0, le=1e30)]
_Weight = Annotated[Real, Field(ge=0, le=1e30)]
ClassWeights = Annotated[tuple[_Weight, ...], Field(min_length=2, max_length=MAX_CLASS_WEIGHTS)]
"""One number for each class, in the classes' order."""
OutputWeights = Annotated[tuple[_Weight, ...], Field(min_length=1, max_length=MAX_CLASS_WEIGHTS)]
"""One number for each output."""
