"""What changed with each number of Lockstep's arithmetic, and which specs it touches."""

from collections.abc import Callable
from dataclasses import dataclass

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, SolveSpec


@dataclass(frozen=True, kw_only=True)
class Change:
    """What `number` computes otherwise than the one before, in a clause, and the specs that it touches."""

    number: int
    what: str
    touches: Callable[[AnyResolvedSpec], bool]


def _watches_epochs(spec: AnyResolvedSpec) -> bool:
    """Whether steps, or their end, hang on the loss of an epoch of several steps."""
    if isinstance(spec, MinimizeSpec | SolveSpec) or spec.batch_size == "full":
        return False
    follows = (spec.schedule is not None and spec.schedule.follows_losses) or spec.stop.patience is not None
    return spec.stop.loss_below is not None or (follows and not spec.data.validation_fraction)


CHANGES = (
    Change(
        number=2,
        what="the loss of an epoch counts each row alike, and loss_below looks at it",
        touches=_watches_epochs,
    ),
)


def not_comparable(spec: AnyResolvedSpec, number: int) -> str | None:
    """Why a run of `spec` under `number` can't be repeated by this version; None where it can."""
    if number > ARITHMETIC:
        return (
            f"it was computed by arithmetic {number} of a newer version of Lockstep, and this one has "
            f"{ARITHMETIC}: upgrade the workers and the API"
        )
    changes = [change.what for change in CHANGES if change.number > number and change.touches(spec)]
    if not changes:
        return None
    return (
        f"it was computed by arithmetic {number} of Lockstep, and this version has {ARITHMETIC}: since then "
        f"{'; '.join(changes)}. What is recorded stays as it is; submit the job again to compare"
    )
