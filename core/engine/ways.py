"""The fast ways to run a graph, in the order of asking. Each may be deleted with its lines here."""

from collections.abc import Callable

from lockstep.core.engine.fast.chain import Chains
from lockstep.core.engine.fast.fusion import with_late_functions
from lockstep.core.engine.interfaces import Executable, FastExecutables
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters

REWRITINGS: tuple[Callable[[Graph], Graph], ...] = (with_late_functions,)
EXECUTABLES: tuple[FastExecutables, ...] = (Chains(),)


def rewritten(graph: Graph) -> Graph:
    """A graph of the same numbers that takes less work."""
    for rewriting in REWRITINGS:
        graph = rewriting(graph)
    return graph


def fast_executable(rows: int, parameters: Parameters, *, rows_last: bool) -> Executable | None:
    """The first that fits. For `rows_last` see Program's Options."""
    built = (way.build(rows, parameters, rows_last=rows_last) for way in EXECUTABLES)
    return next((each for each in built if each is not None), None)
