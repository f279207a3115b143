"""What a job has learned so far: the weights in a checkpoint, as its result would have them."""

import numpy as np

from lockstep.core.formulas.formula import Formula
from lockstep.core.ground.errors import InvalidData
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.inference import input_columns
from lockstep.core.model.build import build_graph
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, ResolvedSpec, SolveSpec


def weights_in(spec: AnyResolvedSpec, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Parameters and buffers in state_dict layout, or every name's number; all of a checkpoint of `spec`.

    They are those before step `checkpoint.step`. With restore_best too: what the best epoch had is not what
    the training would go on from. Raises InvalidData where the checkpoint is another job's.
    """
    if isinstance(spec, MinimizeSpec | SolveSpec):
        formula = Formula(spec.formula, spec.start, spec.unknowns, np.dtype(spec.dtype))
        _fill(formula.point, checkpoint.parameters)
        return formula.all_numbers()
    parameters = Parameters(_graph_of(spec), np.dtype(spec.dtype))
    _fill(parameters.flat, checkpoint.parameters)
    for name, buffer in parameters.buffers.items():
        buffer[...] = checkpoint.buffers[name]
    return parameters.export()


def learned_shapes(spec: AnyResolvedSpec) -> dict[str, tuple[int, ...]]:
    """The shapes of `weights_in` by name, known from the spec alone."""
    if isinstance(spec, MinimizeSpec | SolveSpec):
        return dict.fromkeys(spec.start, ())
    graph = _graph_of(spec)
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters}
    return shapes | {buffer.name: buffer.shape for buffer in graph.buffers}


def is_finite(checkpoint: Checkpoint) -> bool:
    """Whether its parameters are numbers that something can be computed from."""
    return bool(np.isfinite(checkpoint.parameters).all())


def _graph_of(spec: ResolvedSpec) -> Graph:
    return build_graph(spec.model, input_columns(spec))


def _fill(target: np.ndarray, source: np.ndarray) -> None:
    if target.shape != source.shape:
        raise InvalidData(f"expected a checkpoint of {target.size} parameters, got one of {source.size}")
    target[...] = source
