"""From what a user sent to a spec that can be trained: parsing, checks across fields, open ends filled."""

from collections.abc import Callable

from pydantic import ValidationError

from core.data.batches import steps_in_epoch
from core.data.shapes import shape_of
from core.data.split import part_sizes
from core.errors import SpecError
from core.spec import ResolvedSpec, TrainSpec, default_dtype
from core.submission.checks import check, default_shards
from core.submission.problems import problems_of

__all__ = ["check", "parse_spec", "problems_of", "resolve", "steps_per_epoch", "total_steps"]


def parse_spec(raw: object) -> TrainSpec:
    """Read what a user sent, as JSON gives it, and check all that can be known without training.

    Raises SpecError with every problem found, each with a pointer into `raw`.
    """
    try:
        spec = TrainSpec.model_validate(raw)
    except ValidationError as error:
        raise SpecError(problems_of(error, TrainSpec)) from None
    if problems := check(spec):
        raise SpecError(problems)
    return spec


def resolve(spec: TrainSpec, draw_seed: Callable[[], int]) -> ResolvedSpec:
    """Fill in what was left open: the seed, the kind of number, the shards. `spec` has passed `check`."""
    open_ends = {
        "seed": draw_seed() if spec.seed is None else spec.seed,
        "dtype": spec.dtype or default_dtype(spec),
        "shards": spec.shards or default_shards(spec),
    }
    return ResolvedSpec.model_validate(dict(spec) | open_ends)


def steps_per_epoch(spec: TrainSpec) -> int:
    """How many batches cover the training rows once."""
    return steps_in_epoch(part_sizes(shape_of(spec.data).rows, spec.data).train, spec.batch_size)


def total_steps(spec: TrainSpec) -> int:
    """The most steps that a training can take."""
    return spec.epochs * steps_per_epoch(spec)
