"""From what a user sent to a spec that can be trained: parsing, checks across fields, open ends filled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, overload

from pydantic import ValidationError

from lockstep.core.data.batches import steps_in_epoch
from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.spec import (
    SPECS,
    AnyResolvedSpec,
    AnySpec,
    MinimizeSpec,
    ResolvedSpec,
    SolveSpec,
    TrainSpec,
    default_dtype,
)
from lockstep.core.submission.behind import behind
from lockstep.core.submission.check_counted import sound_seed
from lockstep.core.submission.check_formula import check_formula_job
from lockstep.core.submission.checks import check, default_shards
from lockstep.core.submission.facts import Facts
from lockstep.core.submission.problem_types import wrong_choice
from lockstep.core.submission.problems import problems_of

__all__ = [
    "Checked",
    "Facts",
    "check",
    "checked",
    "parse_job",
    "parse_spec",
    "problems_of",
    "resolve",
    "steps_per_epoch",
    "total_steps",
]


S = TypeVar("S", MinimizeSpec, SolveSpec)


def parse_job(raw: object) -> AnySpec:
    """Read what a user sent, as JSON gives it, and check all that can be known without running it.

    "kind" says which spec it is; without it, that of a training. Raises SpecError with every problem found,
    each with a pointer into `raw`.
    """
    kind = raw.get("kind", "train") if isinstance(raw, Mapping) else "train"
    match kind:
        case "train":
            return parse_spec(raw)
        case "minimize":
            return _parse_formula_job(raw, MinimizeSpec)
        case "solve":
            return _parse_formula_job(raw, SolveSpec)
    problem = Problem(pointer="/kind", code="unknown_value", message=wrong_choice(kind, tuple(SPECS)))
    raise SpecError([problem])


def parse_spec(raw: object) -> TrainSpec:
    """The same for a training."""
    return _parse_training(raw)[0]


def _parse_training(raw: object) -> tuple[TrainSpec, Facts]:
    try:
        spec = TrainSpec.model_validate(raw)
    except ValidationError as error:
        ill_formed = problems_of(error, TrainSpec)
        raise SpecError([*ill_formed, *behind(raw, ill_formed, TrainSpec, check)]) from None
    facts = Facts.of(spec)
    if problems := check(spec, facts):
        raise SpecError(problems)
    return spec, facts


def _parse_formula_job(raw: object, model: type[S]) -> S:
    try:
        spec = model.model_validate(raw)
    except ValidationError as error:
        ill_formed: tuple[Problem, ...] = problems_of(error, model)
        raise SpecError([*ill_formed, *behind(raw, ill_formed, model, check_formula_job)]) from None
    if problems := check_formula_job(spec):
        raise SpecError(problems)
    return spec


@overload
def resolve(spec: TrainSpec, draw_seed: Callable[[], int]) -> ResolvedSpec: ...
@overload
def resolve(spec: MinimizeSpec, draw_seed: Callable[[], int]) -> MinimizeSpec: ...
@overload
def resolve(spec: SolveSpec, draw_seed: Callable[[], int]) -> SolveSpec: ...


def resolve(spec: AnySpec, draw_seed: Callable[[], int]) -> AnyResolvedSpec:
    """Fill in what was left open: a training's seed, kind of number and shards; what to solve for.

    `spec` has passed its checks. Raises SpecError where seed after seed leaves nothing that counts in a part.
    """
    if isinstance(spec, MinimizeSpec):
        return spec
    if isinstance(spec, SolveSpec):
        return spec.model_copy(update={"solve_for": spec.unknowns})
    return _resolved(spec, Facts.of(spec), draw_seed)


def _resolved(spec: TrainSpec, facts: Facts, draw_seed: Callable[[], int]) -> ResolvedSpec:
    open_ends = {
        "seed": sound_seed(spec, facts, draw_seed) if spec.seed is None else spec.seed,
        "dtype": spec.dtype or default_dtype(spec),
        "shards": spec.shards or default_shards(spec, facts),
    }
    return ResolvedSpec.model_validate(dict(spec) | open_ends)


def steps_per_epoch(spec: TrainSpec, facts: Facts | None = None) -> int:
    """How many batches cover the training rows once."""
    return steps_in_epoch((facts or Facts.of(spec)).parts.train, spec.step_rows)


def total_steps(spec: AnySpec, facts: Facts | None = None) -> int:
    """The most steps that a job can take."""
    return spec.epochs * steps_per_epoch(spec, facts) if isinstance(spec, TrainSpec) else spec.steps


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a user sent, checked, and with nothing left open; what was worked out on the way goes along.

    `facts` are those of a training's data and model; `steps` the most steps that can come.
    """

    sent: AnySpec
    spec: AnyResolvedSpec
    facts: Facts | None
    steps: int


def checked(raw: object, draw_seed: Callable[[], int]) -> Checked:
    """Both at once: `parse_job`, then `resolve`. Raises SpecError."""
    kind = raw.get("kind", "train") if isinstance(raw, Mapping) else "train"
    if kind != "train":
        sent = parse_job(raw)
        spec = resolve(sent, draw_seed)
        return Checked(sent=sent, spec=spec, facts=None, steps=total_steps(spec))
    training, facts = _parse_training(raw)
    resolved = _resolved(training, facts, draw_seed)
    return Checked(sent=training, spec=resolved, facts=facts, steps=total_steps(resolved, facts))
