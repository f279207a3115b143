"""The spec of a job that gives a formula a wanted value."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, Switch
from lockstep.core.model.spec import MAX_EXPRESSION_PARAMETERS, ParameterName
from lockstep.core.spec.formula import FormulaSpec, FormulaText


class SolveSpec(FormulaSpec):
    """Which value a formula should have, and which of its numbers may move for it.

    With k unknowns, a step moves each unknown v by -(value - target) / k / (∂value/∂v).
    """

    kind: Literal["solve"]
    """what sort of job this is"""
    expression: FormulaText
    """what should have the value, such as "2*a + b"; all its names stand in "start", too"""
    solve_for: (
        Annotated[tuple[ParameterName, ...], Field(min_length=1, max_length=MAX_EXPRESSION_PARAMETERS)] | None
    ) = None
    """the unknowns, names of "start"; all of them if not given"""
    target: Real
    """the value that the expression should have"""
    tolerance: Annotated[Real, Field(ge=0)] = 1e-6
    """end once the value is no farther than this from the target"""
    refresh_gradient: Switch = True
    """whether each step computes the gradient again; if not, the start's serves all steps"""

    @property
    def formula(self) -> str:
        """What is computed at each point."""
        return self.expression

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names that move; the others keep their start."""
        return self.solve_for or tuple(self.start)
