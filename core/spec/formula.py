"""What `minimize` and `solve` have in common: a formula of named numbers, and where these start."""

from typing import Annotated

from pydantic import Field

from lockstep.core.ground.fields import Real, Whole, few_entries
from lockstep.core.model.spec import MAX_EXPRESSION, MAX_EXPRESSION_PARAMETERS, ParameterName
from lockstep.core.spec.kept import CheckpointRules
from lockstep.core.spec.labels import DType, Labels

MAX_FORMULA_STEPS = 100_000_000

FormulaText = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION)]
Start = Annotated[
    dict[ParameterName, Real],
    Field(min_length=1, max_length=MAX_EXPRESSION_PARAMETERS),
    few_entries(MAX_EXPRESSION_PARAMETERS),
]


class FormulaSpec(Labels):
    """A job that moves named numbers step by step, on one worker and without random numbers."""

    start: Start
    """the formula's names, and where each starts"""
    steps: Annotated[int, Whole(ge=1, le=MAX_FORMULA_STEPS)] = 1000
    """how many steps to take at most"""
    dtype: DType = "float64"
    """the kind of number"""
    # That there are no more is said at submission, with the reason; a schema can only forbid them.
    workers: Annotated[int, Whole(ge=1), Field(json_schema_extra={"maximum": 1})] = 1
    """how many workers may take part; always 1, because a step is too small to be shared"""
    checkpoints: CheckpointRules | None = None
    """which states are kept along the way, beside those that the job itself goes on from"""

    @property
    def most_workers(self) -> int:
        """How many workers may take part."""
        return self.workers
