"""Whether `model.init` names parameters that there are, of shapes that its initializers take."""

from collections.abc import Iterator

from lockstep.core.ground.errors import Problem
from lockstep.core.model.graph import Graph
from lockstep.core.model.initializers import chosen_for
from lockstep.core.model.spec import LayersModel
from lockstep.core.submission.problems import pointer_to


def check_initializers(model: LayersModel, graph: Graph) -> Iterator[Problem]:
    """All problems of `model.init`, one for each of its keys at most."""
    unused = dict(model.init or {})
    wrong: dict[str, Problem] = {}
    for parameter in graph.parameters:
        chosen = chosen_for(model.init or {}, parameter.name, parameter.shape)
        if chosen is None:
            continue
        key, initializer = chosen
        unused.pop(key, None)
        if wanted := initializer.misfit(parameter.shape):
            axes = f"{len(parameter.shape)} ax{'e' if len(parameter.shape) != 1 else 'i'}s"
            message = f"expected a parameter of {wanted} for {initializer.type}, but {parameter.name} "
            message += f"has {axes}; take another initializer, or name those that it is for"
            wrong.setdefault(
                key, Problem(pointer=pointer_to(("model", "init", key)), code="wrong_axes", message=message)
            )
    yield from wrong.values()
    names = ", ".join([parameter.name for parameter in graph.parameters][:20])
    for key in unused:
        message = f'expected "weight", "bias" or a parameter of this model ({names}), '
        message += "got a name that no parameter goes by; rename it or take it out"
        yield Problem(pointer=pointer_to(("model", "init", key)), code="unknown_parameter", message=message)
