"""Whether something counts in each part of the data, where the loss leaves targets out or weighs them 0."""

from collections.abc import Callable, Iterator

import numpy as np

from lockstep.core.data.spec import InlineData
from lockstep.core.data.split import part_rows
from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.losses import loss_of, weight_by_row
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.facts import Facts

MAX_DRAWS = 20
"""Seeds tried where the spec leaves it open, until something counts in each part."""
_CODE = "nothing_counts"


def check_counted(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    """All problems with the spec's seed; where it has none, those with every seed.

    The targets are sound class numbers.
    """
    counts = _counts(spec, facts)
    if counts is None:
        return
    if not counts.any():
        yield _nothing(spec, facts)
    elif spec.seed is not None:
        yield from _check_parts(spec, facts, counts, spec.seed)
    elif (found := int(np.count_nonzero(counts))) < (parts := _number_of_parts(facts)):
        yield Problem(
            pointer=_fractions(spec)[0],
            code=_CODE,
            message=f"expected at least one row that counts for each of {parts} parts, got {found} in all "
            f"({_reason(spec)}); take {' or '.join(_keys(spec))} out, or give more rows that count",
        )


def sound_seed(spec: TrainSpec, facts: Facts, draw_seed: Callable[[], int]) -> int:
    """A drawn seed by which something counts in each part. Raises SpecError where many draws find none."""
    counts = _counts(spec, facts)
    for _ in range(MAX_DRAWS):
        seed = draw_seed()
        problems = () if counts is None else tuple(_check_parts(spec, facts, counts, seed))
        if not problems:
            return seed
    raise SpecError(problems)


def _counts(spec: TrainSpec, facts: Facts) -> np.ndarray | None:
    """Which rows count (rows,), in the data's order; None where all do, or it can't be told."""
    loss = loss_of(spec.loss)
    weights = loss.class_weights
    if weights is None and loss.targets.ignored is None:
        return None  # spares reading the data
    # What is wrong with these is told elsewhere.
    if weights is not None and not any(weights):
        return None
    shape, y = facts.shape, facts.targets
    is_inline = isinstance(spec.data, InlineData)
    if len(y) != shape.rows or not (is_inline or shape.target == "classes"):
        return None
    by_row = weight_by_row(spec.loss, y.astype(np.int64))
    return None if by_row is None else np.asarray(by_row > 0)


def _number_of_parts(facts: Facts) -> int:
    sizes = facts.parts
    return sum(size > 0 for size in (sizes.train, sizes.validation, sizes.test))


def _check_parts(spec: TrainSpec, facts: Facts, counts: np.ndarray, seed: int) -> Iterator[Problem]:
    if facts.parts.train < 1:
        return
    parts = part_rows(len(counts), spec.data, seed)
    for name, rows in (("training", parts.train), ("validation", parts.validation), ("test", parts.test)):
        if len(rows) and not counts[rows].any():
            pointer = f"/data/{name}_fraction"
            yield Problem(
                pointer=pointer if name != "training" else _fractions(spec)[0],
                code=_CODE,
                message=f"expected targets that count in the {name} part, got {len(rows)} rows with none by "
                f"seed {seed} ({_reason(spec)}); take another seed, another {' or '.join(_keys(spec))}, or "
                "give more rows that count",
            )


def _keys(spec: TrainSpec) -> list[str]:
    return [name for name in ("validation_fraction", "test_fraction") if getattr(spec.data, name) > 0]


def _fractions(spec: TrainSpec) -> list[str]:
    return [f"/data/{key}" for key in _keys(spec)]


def _reason(spec: TrainSpec) -> str:
    """What makes rows not count."""
    reasons, loss = [], loss_of(spec.loss)
    if loss.targets.ignored is not None:
        reasons.append(f"ignore_index leaves {loss.targets.ignored} out")
    if loss.class_weights is not None:
        reasons.append("classes of weight 0 do not count")
    return ", ".join(reasons)


def _nothing(spec: TrainSpec, facts: Facts) -> Problem:
    """Nothing counts in all of the data."""
    ignored = loss_of(spec.loss).targets.ignored
    if ignored is not None and (facts.targets == ignored).all():
        message = (
            f"expected targets that count, got {ignored} alone, which ignore_index leaves out; change it"
        )
        return Problem(pointer="/loss/ignore_index", code=_CODE, message=message)
    message = "expected a weight above 0 for a class that occurs, got 0 for all of them; raise one"
    return Problem(pointer="/loss/weight", code=_CODE, message=message)
