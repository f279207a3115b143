"""Whether a formula fits the names that it is given: for `minimize` and `solve`."""

from collections.abc import Iterator, Mapping

from lockstep.core.ground.errors import ExpressionError, Problem
from lockstep.core.model.expression_syntax import RESERVED, Expr, is_identifier, parse_expression
from lockstep.core.spec.minimize import MinimizeSpec
from lockstep.core.spec.solve import SolveSpec
from lockstep.core.submission.check_data import FLOAT32_MAX
from lockstep.core.submission.check_kept import check_kept
from lockstep.core.submission.check_name import check_name
from lockstep.core.submission.check_optimizer import check_optimizer
from lockstep.core.submission.check_workers import check_alone
from lockstep.core.submission.problems import pointer_to

MAX_RECORDED = 100_000_000
"""Numbers in the history of a job, eight bytes each."""
SERIES = {
    "value": "what the formula gives",
    "learning_rate": "what a schedule sets",
    "loss": "what a training makes small",
}
"""Series beside those of the unknowns, which have the unknowns' own names."""

SearchSpec = MinimizeSpec | SolveSpec


def check_formula_job(spec: SearchSpec) -> tuple[Problem, ...]:
    """All problems of a spec whose keys are well formed; none if it can be run."""
    return tuple(_problems(spec))


def _problems(spec: SearchSpec) -> Iterator[Problem]:
    yield from check_name(spec)
    wrong_names = tuple(_check_names(spec))
    yield from wrong_names
    if not wrong_names:
        yield from _check_formula(spec)
    if isinstance(spec, MinimizeSpec):
        yield from check_optimizer(spec.optimizer)
    else:
        yield from _check_unknowns(spec)
    yield from _check_sizes(spec)
    yield from _check_steps(spec)
    yield from check_kept(spec.checkpoints, spec.steps, validates=False)
    yield from check_alone(spec.workers, spec.kind)


def _key(spec: SearchSpec) -> str:
    return "objective" if isinstance(spec, MinimizeSpec) else "expression"


def _check_names(spec: SearchSpec) -> Iterator[Problem]:
    for name in spec.start:
        if name in SERIES:
            reason = f"the history's name for {SERIES[name]}"
        elif is_identifier(name):
            continue
        else:
            reason = "a function or a constant" if name in RESERVED else "a word of Python's"
        yield Problem(
            pointer=pointer_to(("start", name)),
            code="reserved_name",
            message=f'expected a free name, got "{name}", which is {reason}; rename it, as in "{name}1"',
        )


def _check_formula(spec: SearchSpec) -> Iterator[Problem]:
    pointer = pointer_to((_key(spec),))
    try:
        expression = parse_expression(spec.formula, spec.start)
    except ExpressionError as error:
        message = f"column {error.column}: {error.message}"
        yield Problem(pointer=pointer, code="bad_expression", message=message)
        return
    if expression.inputs:
        yield Problem(
            pointer=pointer,
            code="unknown_name",
            message=f'expected names of "start" alone ({", ".join(spec.start)}), got '
            f'{", ".join(expression.inputs)} too; say under "start" where each starts',
        )
    yield from _check_use(spec.start, expression)


def _check_use(start: Mapping[str, float], expression: Expr) -> Iterator[Problem]:
    for name in start:
        if name not in expression.parameters:
            yield Problem(
                pointer=pointer_to(("start", name)),
                code="unused_name",
                message=f'expected "{name}" in the formula, got none of it; use it or take it out',
            )


def _check_unknowns(spec: SolveSpec) -> Iterator[Problem]:
    unknowns = spec.solve_for or ()
    for index, name in enumerate(unknowns):
        pointer = pointer_to(("solve_for", index))
        if name not in spec.start:
            message = f'expected names of "start" ({", ".join(spec.start)}), got "{name}"; take one of them'
            yield Problem(pointer=pointer, code="unknown_name", message=message)
        elif name in unknowns[:index]:
            message = f'expected each name once, got "{name}" again; take it out'
            yield Problem(pointer=pointer, code="repeated_name", message=message)


def _check_sizes(spec: SearchSpec) -> Iterator[Problem]:
    """Whether the job's kind of number can hold what it starts with."""
    if spec.dtype != "float32":
        return
    numbers = {pointer_to(("start", name)): value for name, value in spec.start.items()}
    if isinstance(spec, SolveSpec):
        numbers["/target"] = spec.target
    for pointer, value in numbers.items():
        if abs(value) > FLOAT32_MAX:
            message = f'expected a number that float32 can hold, got {value:g}; set "dtype" to "float64"'
            yield Problem(pointer=pointer, code="too_large", message=message)


def _check_steps(spec: SearchSpec) -> Iterator[Problem]:
    series = 1 + 2 * len(spec.unknowns)
    if spec.steps * series > MAX_RECORDED:
        most = MAX_RECORDED // series
        yield Problem(
            pointer="/steps",
            code="too_many_steps",
            message=f"expected at most {most} steps, because each records {series} numbers, got {spec.steps};"
            " lower steps",
        )
