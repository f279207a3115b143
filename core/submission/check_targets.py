"""Whether the targets of inline data are what the loss takes."""

from collections.abc import Iterator

import numpy as np

from lockstep.core.data.spec import InlineData
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.sizes import MAX_WIDTH
from lockstep.core.losses.spec import CrossEntropyLoss, LossSpec, NllLoss
from lockstep.core.submission.problems import pointer_to

CLASS_LOSSES = ("cross_entropy", "nll", "multi_margin")
"""The losses that take class numbers."""


def check_targets(loss: LossSpec, y: np.ndarray) -> Iterator[Problem]:
    """The first target `y` (rows,) or (rows, columns) that the loss can't be taken of, as /data/inline/y/...

    How many columns there are is the model's to say.
    """
    if loss.type in CLASS_LOSSES:
        yield from _check_class_numbers(loss, y)
    elif loss.type == "binary_cross_entropy":
        message = (
            "expected a number from 0 to 1 with binary_cross_entropy, got {}; scale the targets, or take mse"
        )
        yield from first_bad("y", y, (y < 0) | (y > 1), ("not_a_probability", message))
    elif loss.type == "hinge":
        yield from _check_sides(y)
    elif loss.type == "kl_div" and loss.log_target:
        message = "expected a log-probability, at most 0, with log_target, got {}; give the logarithms"
        yield from first_bad("y", y, y > 0, ("not_a_log_probability", message))
    elif loss.type == "kl_div":
        message = "expected a probability from 0 to 1 with kl_div, got {}; give shares that add up to 1"
        yield from first_bad("y", y, (y < 0) | (y > 1), ("not_a_probability", message))


def ignored_target(loss: LossSpec) -> int | None:
    """The target that does not count, if the loss has one."""
    return loss.ignore_index if isinstance(loss, (CrossEntropyLoss, NllLoss)) else None


def largest_class(loss: LossSpec, data: InlineData) -> int | None:
    """The largest class number that counts, at most MAX_WIDTH; None where there is none, or a wrong one."""
    y = np.asarray(data.inline.y, dtype=np.float64)
    counted = y if ignored_target(loss) is None else y[y != ignored_target(loss)]
    if not counted.size or any(_check_class_numbers(loss, y)):
        return None
    return int(min(counted.max(), MAX_WIDTH))


def _check_class_numbers(loss: LossSpec, y: np.ndarray) -> Iterator[Problem]:
    ignored = ignored_target(loss)
    bad = (y < 0) | (y != np.floor(y))
    also = ""
    if ignored is not None:
        bad &= y != ignored
        also = f", or {ignored}"
    message = f"expected a class number with {loss.type}, one of 0, 1, 2, ...{also}, got {{}}; "
    yield from first_bad("y", y, bad, ("not_a_class_number", message + "number the classes from 0"))


def _check_sides(y: np.ndarray) -> Iterator[Problem]:
    """All of 0 and 1, or all of -1 and 1."""
    no = -1.0 if (y == -1).any() else 0.0
    message = "expected 0 or 1 (or -1 or 1 throughout) with hinge, got {}; take one of them, or another loss"
    yield from first_bad("y", y, (y != no) & (y != 1), ("not_a_side", message))


def first_bad(key: str, values: np.ndarray, bad: np.ndarray, words: tuple[str, str]) -> Iterator[Problem]:
    """One problem, at the first of `values` that is `bad`; `words`: the code and the message with a gap.

    `key` is "x" or "y" of the inline data.
    """
    places = np.argwhere(bad)
    if len(places):
        place = tuple(int(index) for index in places[0])
        pointer = pointer_to(("data", "inline", key, *place))
        yield Problem(pointer=pointer, code=words[0], message=words[1].format(f"{values[place]:g}"))
