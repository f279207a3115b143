"""The spec of a job that makes a formula small."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, SpecModel
from lockstep.core.optim import AnyOptimizer
from lockstep.core.optim.schedules import AnySchedule
from lockstep.core.spec.formula import FormulaSpec, FormulaText


class MinimizeStop(SpecModel):
    """When to end before the steps are used up; tested at each point, the start included."""

    value_below: Real | None = None
    """end once the objective's value is below this"""
    gradient_norm_below: Annotated[Real, Field(gt=0)] | None = None
    """end once the length of the gradient (the root of its sum of squares) is below this"""


class MinimizeSpec(FormulaSpec):
    """What to make small, from where, and how."""

    kind: Literal["minimize"]
    """what sort of job this is"""
    objective: FormulaText
    """what is made small, such as "x**2 + y**2"; all its names stand in "start", too"""
    optimizer: AnyOptimizer
    """how the numbers follow the gradient"""
    schedule: AnySchedule | None = None
    """how the learning rate changes, each step counting as an epoch; it is then a series of the history"""
    stop: MinimizeStop = Field(default_factory=MinimizeStop)
    """when to end early"""

    @property
    def formula(self) -> str:
        """What is computed at each point."""
        return self.objective

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names that move: all of them."""
        return tuple(self.start)
