"""Each loss as a reader would write it: the value, and its derivative by what it compares."""

from lockstep.core.losses import LOSSES
from lockstep.core.model.notation import Notation


def loss_formula(name: str) -> Notation:
    """That of a loss."""
    formula = LOSSES[name].formula
    return Notation(formula.value, (formula.slope,))
