"""Whether the targets of inline data are what the loss takes."""

from collections.abc import Iterator

import numpy as np

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.sizes import MAX_WIDTH
from lockstep.core.losses import LossSpec, loss_of
from lockstep.core.submission.problems import pointer_to


def check_targets(loss: LossSpec, y: np.ndarray) -> Iterator[Problem]:
    """The first target `y` (rows,) or (rows, columns) that the loss can't be taken of, as /data/inline/y/...

    How many columns there are is the model's to say.
    """
    refusal = loss_of(loss).targets.refused(y)
    if refusal is not None:
        yield from first_bad("y", refusal.values, refusal.bad, (refusal.code, refusal.message))


def largest_class(loss: LossSpec, y: np.ndarray) -> int | None:
    """The largest class number that counts, at most MAX_WIDTH; None where there is none, or a wrong one."""
    ignored = loss_of(loss).targets.ignored
    counted = y if ignored is None else y[y != ignored]
    if not counted.size or any(check_targets(loss, y)):
        return None
    return int(min(counted.max(), MAX_WIDTH))


def first_bad(key: str, values: np.ndarray, bad: np.ndarray, words: tuple[str, str]) -> Iterator[Problem]:
    """One problem, at the first of `values` that is `bad`; `words`: the code and the message with a gap.

    `key` is "x" or "y" of the inline data.
    """
    places = np.argwhere(bad)
    if len(places):
        place = tuple(int(index) for index in places[0])
        pointer = pointer_to(("data", "inline", key, *place))
        yield Problem(pointer=pointer, code=words[0], message=words[1].format(f"{values[place]:g}"))
