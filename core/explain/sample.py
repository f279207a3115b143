"""One forward and backward pass for one sample, with everything kept that a reader may want to see.

The sample passes with the other rows of its shard, as in training (batch norm and dropout see the same rows
and numbers), but the loss is its own alone. So its walk can be followed by hand.
"""

from dataclasses import dataclass, field

import numpy as np

from lockstep.core.engine.program import Options, Program
from lockstep.core.explain.view import View, view_of
from lockstep.core.losses import LossSite, LossSpec, denominator, loss_of
from lockstep.core.model.graph import Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.base import Site, WeightProduct
from lockstep.core.model.parameters import Parameters


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the sample's output should be: `y` (1, ...) as core.data gives it, and by which loss."""

    y: np.ndarray
    loss: LossSpec


@dataclass(frozen=True, kw_only=True)
class SamplePlace:
    """Which sample, and where it stands: `row` of the shard's rows `x` (rows, columns) at `step`."""

    x: np.ndarray
    row: int = 0
    step: int = 0
    shard: int = 0
    seed: int = 0
    target: Target | None = None


@dataclass(frozen=True, kw_only=True)
class Path:
    """What goes back to input `index` of a node: `gradient` on this path alone.

    `derivative` is the local one where each element of the input has its own (numbers, or a function taken
    element by element), else None.
    """

    index: int
    source: int
    gradient: np.ndarray
    derivative: np.ndarray | None


@dataclass(kw_only=True)
class Pass:
    """The values and gradients of all nodes of `view` for one sample, in the shapes that the view tells.

    `paths` are those from each node to its inputs, in the order in which a backward pass takes the nodes.
    """

    view: View
    values: dict[int, np.ndarray] = field(default_factory=dict)
    gradients: dict[int, np.ndarray] = field(default_factory=dict)
    paths: dict[int, tuple[Path, ...]] = field(default_factory=dict)


def pass_sample(parameters: Parameters, place: SamplePlace) -> Pass:
    """Compute it. Without a target the model's output itself is what is differentiated."""
    graph = parameters.graph
    result = Pass(view=view_of(graph, None if place.target is None else place.target.loss))
    options = Options(keep_all=True, training=True, seed=place.seed)
    with np.errstate(all="ignore"):
        program = Program(graph, len(place.x), parameters, options)
        np.copyto(program.x, place.x)
        for stream in program.streams:
            stream.at(place.step, place.shard)
        for call in program.forward:
            call()
        backward = _Backward(program, place, result)
        for site in program.sites:
            result.values[site.node.id] = backward.shown(site.node, site.y)
        start = np.ones(result.values[graph.output].shape, program.dtype)
        if place.target is not None:
            start = _differentiate_loss(place.target, program.dtype, result)
        backward.run(start)
    return result


def _differentiate_loss(target: Target, dtype: np.dtype, result: Pass) -> np.ndarray:
    """Note the loss's nodes; give the gradient of the model's output, in its shape for one sample."""
    view = result.view
    if view.loss is None or view.target is None:
        raise ValueError("expected a view with a loss")
    prediction, last, end = result.values[view.output], view.loss, view.output
    y, value, slope = _loss_at(target, prediction, dtype)
    wanted = next(node.shape for node in view.nodes if node.id == view.target)
    result.values |= {view.target: y.reshape(wanted), last: value}
    result.gradients[last] = np.ones((), dtype)
    if view.error is not None:
        end = view.error
        result.values[end] = prediction - y.reshape(prediction.shape)
        result.gradients[end] = slope
        one = np.ones_like(slope)
        result.paths[end] = (Path(index=0, source=view.output, gradient=slope, derivative=one),)
    result.paths = {last: (Path(index=0, source=end, gradient=slope, derivative=slope),), **result.paths}
    return slope


def _loss_at(
    target: Target, prediction: np.ndarray, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The target, the loss of one prediction (), and its gradient in the prediction's shape."""
    kind = loss_of(target.loss)
    output = np.array(prediction, dtype=dtype, order="C").reshape(1, *(prediction.shape or (1,)))
    y = kind.room(output)
    y[...] = target.y
    divisor = denominator(target.loss, y) or 1.0
    site = LossSite(
        dtype=dtype,
        calls=[],
        output=output,
        y=y,
        denominator=np.array(divisor, dtype=dtype),
        total=np.zeros((), dtype),
        gradient=np.zeros_like(output),
    )
    kind.forward(site)
    kind.gradient(site)
    for call in site.calls:
        call()
    return y[0], np.array(site.total / divisor), site.gradient[0].reshape(prediction.shape)


class _Backward:
    """The gradients of a program, op by op, each path apart (`GradientTargets` of the ops)."""

    def __init__(self, program: Program, place: SamplePlace, result: Pass) -> None:
        self._program = program
        self._row = place.row
        self._transposed = {each.name for each in program.graph.parameters if each.transposed}
        self._result = result
        self._totals: dict[int, np.ndarray] = {}
        self._terms: dict[int, np.ndarray] = {}

    def shown(self, node: Node, array: np.ndarray) -> np.ndarray:
        """The sample's part of a node's array; a parameter's in the shape of the state_dict. A copy."""
        if node.batched:
            return np.array(array[self._row])
        return np.array(array.T if node.name in self._transposed and node.is_parameter else array)

    def run(self, start: np.ndarray) -> None:
        """From the output's gradient for the sample to the parameters'."""
        graph = self._program.graph
        output = graph.nodes[graph.output]
        self._totals[output.id] = np.zeros_like(self._program.values[output.id])
        self._totals[output.id][self._own(output)] = start
        above = graph.above_parameters()
        for site in reversed(self._program.sites):
            if site.node.id in self._totals and site.node.id in above:
                self._step(site, above)

    def target(self, site: Site, index: int) -> np.ndarray:
        """See Targets: each path has an array of its own."""
        self._terms[index] = site.buffer(site.x[index])
        return self._terms[index]

    def share(self, site: Site, index: int) -> bool:  # noqa: ARG002  (the protocol's signature)
        """See Targets: nothing is lent."""
        return False

    def note(self, site: Site, index: int, product: WeightProduct) -> None:
        """See Targets: nothing asks."""

    def _own(self, node: Node) -> int | tuple[()]:
        """Where the sample lies in a node's array."""
        return self._row if node.batched else ()

    def _step(self, site: Site, above: frozenset[int]) -> None:
        """One node: its gradient is complete, those of its inputs grow by a path each."""
        node = site.node
        total = self._totals[node.id]
        self._result.gradients[node.id] = self.shown(node, total)
        if not node.inputs:
            return
        self._terms = {}
        site.calls, site.targets = [], self
        site.gy = np.array(total, copy=True, order="K")
        site.wanted = tuple(source in above for source in node.inputs)
        OPS[node.op].gradient(site)
        for call in site.calls:
            call()
        gradients = {index: term.copy() for index, term in self._terms.items()}
        slopes = self._slopes(site)
        paths = []
        for index, gradient in sorted(gradients.items()):
            source = self._program.graph.nodes[node.inputs[index]]
            known = self._totals.get(source.id)
            self._totals[source.id] = gradient if known is None else known + gradient
            slope = None if slopes is None else self.shown(source, slopes[index])
            way = self.shown(source, gradient)
            paths.append(Path(index=index, source=source.id, gradient=way, derivative=slope))
        self._result.paths[node.id] = tuple(paths)

    def _slopes(self, site: Site) -> dict[int, np.ndarray] | None:
        """The local derivatives: what comes out where a gradient of 1 comes in."""
        nodes, node = self._program.graph.nodes, site.node
        numbers = all(not nodes[each].shape for each in (node.id, *node.inputs))
        if not (numbers or OPS[node.op].elementwise):
            return None
        site.gy.fill(0.0)
        site.gy[self._own(node)] = 1.0
        for call in site.calls:
            call()
        return dict(self._terms)
