"""Whether a spec's model can start with the weights that the spec names."""

from collections.abc import Iterator, Mapping

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.numbers import Nested, came, shape_of_numbers
from lockstep.core.model.graph import Graph
from lockstep.core.spec import LayersModel, TrainSpec
from lockstep.core.submission.facts import Facts
from lockstep.core.submission.problems import pointer_to

Shapes = Mapping[str, tuple[int, ...]]
"""Of parameters and buffers, by name."""
MAX_NAMED = 5
"""Parameters told of one by one; the others are counted."""


def check_initial_weights(model: LayersModel, graph: Graph) -> Iterator[Problem]:
    """Whether names and shapes are those of the model's parameters and buffers, and counts are counts."""
    shapes = _shapes(graph)
    counts = {buffer.name for buffer in graph.buffers if buffer.counts}
    for name, value in (model.initial_weights or {}).items():
        pointer = pointer_to(("model", "initial_weights", name))
        got = shape_of_numbers(value)
        if name not in shapes:
            known = ", ".join(list(shapes)[:20])
            message = f"expected names of this model's parameters ({known}), got another; rename it"
            yield Problem(pointer=pointer, code="unknown_parameter", message=message)
        elif got != shapes[name]:
            hint = _HINTS.get(len(shapes[name]), "shapes are those of PyTorch's state_dict")
            message = f"expected the shape {_shown(shapes[name])}, got {_shown(got)}; {hint}"
            yield Problem(pointer=pointer, code="wrong_shape", message=message)
        elif name in counts and not _is_count(value):
            message = f"expected a whole number of batches, got {came(value)}; take 0 if it is not known"
            yield Problem(pointer=pointer, code="not_a_count", message=message)


_HINTS = {1: "biases are (out,)", 2: "weights are (out, in), as in PyTorch"}


def _is_count(value: Nested) -> bool:
    return not isinstance(value, tuple) and value >= 0 and value == int(value)


def _shown(shape: tuple[int, ...]) -> str:
    return str(shape) if shape else "of one number"


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Those of parameters and buffers by name."""
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters}
    return shapes | {buffer.name: buffer.shape for buffer in graph.buffers}


def check_given_start(spec: TrainSpec) -> Iterator[Problem]:
    """Whether weights are given once."""
    if spec.start_from and isinstance(spec.model, LayersModel) and spec.model.initial_weights:
        message = 'expected either "start_from" or "initial_weights", got both; take one of them out'
        yield Problem(pointer="/start_from", code="two_starts", message=message)


def learned_shapes(facts: Facts) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's parameters and buffers by name. The spec has passed `check`."""
    return _shapes(facts.graph)


def check_start(own: Shapes, shapes: Shapes) -> Iterator[Problem]:
    """At most one problem, at /start_from: of a model of `own` shapes that starts with another job's.

    All names and shapes must be equal: nothing is left out, nothing drawn.
    """
    differing = [f"{name} is missing there" for name in own if name not in shapes]
    differing += [f"{name} is not in this model" for name in sorted(shapes) if name not in own]
    differing += [
        f"{name} is {own[name]} here and {shapes[name]} there"
        for name in own
        if name in shapes and shapes[name] != own[name]
    ]
    if differing:
        rest = f", and {len(differing) - MAX_NAMED} more" if len(differing) > MAX_NAMED else ""
        yield Problem(
            pointer="/start_from",
            code="other_weights",
            message="expected a job with the weights of this model; "
            f"{', '.join(differing[:MAX_NAMED])}{rest}; "
            "take a job with the same layers, or give initial_weights",
        )
