"""The number of Lockstep's own arithmetic, and what changed with each.

What a spec computes follows from the spec, the machine's numerics and this version's rules. The machine's
numerics have a fingerprint; the rules have a number. A change that gives some spec other weights, another
record or another end raises it and says so in `CHANGES`. Then an unfinished job of an older number begins
again (two rules are never mixed under one digest), and the steps of a finished one are computed again only
where none of the changes touches its spec.

The number is part of the fingerprint that workers show: so a worker of another version, which knows nothing
of numbers perhaps, neither goes on with a job nor helps with one that was begun by other rules.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, SolveSpec

ARITHMETIC = 2
FIRST_ARITHMETIC = 1
"""That of the versions which kept no number."""


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


def advanced(fingerprint: str, number: int, to: int = ARITHMETIC) -> str:
    """What a machine that shows `fingerprint` under `number` shows under `to`, which is no older."""
    for later in range(number + 1, to + 1):
        fingerprint = hashlib.sha256(f"{fingerprint} {later}".encode()).hexdigest()
    return fingerprint


def lineage(machine: str) -> tuple[str, ...]:
    """The fingerprints of a machine's numerics under each number, from the first to this version's."""
    numbers = range(FIRST_ARITHMETIC, ARITHMETIC + 1)
    return tuple(advanced(machine, FIRST_ARITHMETIC, number) for number in numbers)


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
