"""Why a loss or a weight is no longer a finite number: the first node of the graph where it went wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lockstep.core.engine.program import Gradients, Options, Program
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.base import Site, WeightProduct
from lockstep.core.model.ops.op import Op
from lockstep.core.model.parameters import Parameters


@dataclass(frozen=True, kw_only=True)
class BadNode:
    """A node whose inputs are finite, and whose value or slope is not.

    `outside_domain`: the function has no value or no finite slope there; else the number was too large for
    the dtype. `row` is the row of the batch, None for what is the same for all rows. `description` says it in
    a sentence.
    """

    name: str
    function: str
    inputs: tuple[float, ...]
    value: float
    row: int | None
    outside_domain: bool
    description: str


def first_bad_node(graph: Graph, parameters: Parameters, x: np.ndarray) -> BadNode | None:
    """Look for it at these parameters on the rows `x` (rows, columns); None if all is finite.

    First the values in the graph's order, then, backward from an output gradient of ones, the slopes; as in
    training, batch norm by the rows' own mean and variance.
    """
    program = Program(graph, len(x), parameters, Options(keep_all=True, training=True))
    program.x[...] = x
    ones = np.ones_like(program.values[graph.output])
    gradients = program.differentiate(ones, np.zeros(graph.size, parameters.dtype))
    with np.errstate(all="ignore"):
        for call in (*program.forward, *gradients.calls):
            call()
        for site in program.sites:
            if found := _bad_value(site):
                return found
        # All steep places before large slopes: a node's gradient is the sum over its readers.
        for look in (_steep_place, _large_slope):
            for site in reversed(program.sites):
                if found := look(site, gradients, graph):
                    return found
    return None


def has_steep_places(graph: Graph) -> bool:
    """Whether some function of the graph has places with a finite value and no finite slope.

    A step on such a place shows a finite loss and ruins the weights, so gradients want a look at each step.
    """
    return any(type(OPS[node.op]).steep is not Op.steep for node in graph.nodes)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """A node at one place: the numbers there, and the words for it."""

    site: Site
    row: int | None
    inputs: tuple[float, ...]
    value: float

    @property
    def function(self) -> str:
        return OPS[self.site.node.op].title

    @property
    def at(self) -> str:
        rows = "" if self.row is None else f", row {self.row} of the batch"
        return f"{self.function} in {self.site.node.name!r}{rows}"

    @property
    def came(self) -> str:
        return ", ".join(f"{number:g}" for number in self.inputs)

    def told(self, description: str, *, outside_domain: bool) -> BadNode:
        return BadNode(
            name=self.site.node.name,
            function=self.function,
            inputs=self.inputs,
            value=self.value,
            row=self.row,
            outside_domain=outside_domain,
            description=description,
        )


def _look(site: Site, where: np.ndarray) -> _Look:
    """At the first place that is True in `where` (the first of all where none is)."""
    place = np.unravel_index(int(np.argmax(where)), where.shape)
    return _Look(
        site=site,
        row=int(place[0]) if site.node.batched and place else None,
        inputs=tuple(
            float(value[place[: value.ndim]]) for value in site.x if value.shape in ((), site.y.shape)
        ),
        value=float(site.y[place[: site.y.ndim]]),
    )


def _bad_value(site: Site) -> BadNode | None:
    bad = ~np.isfinite(site.y)
    if not bad.any() or not all(np.isfinite(value).all() for value in site.x):
        return None
    op, outside = OPS[site.node.op], OPS[site.node.op].outside(site)
    seen = _look(site, outside if outside.any() else bad)
    if outside.any():
        words = f"{seen.at}: expected {op.domain}, got {seen.came}, which gives {seen.value:g}"
    elif site.node.inputs:
        words = f"{seen.at}: the result of {seen.came or 'its inputs'} is too large for {site.dtype.name}"
    else:
        words = f"{seen.function} {site.node.name!r} is {seen.value:g}"
    return seen.told(words, outside_domain=bool(outside.any()))


def _bad_slopes(site: Site, gradients: Gradients) -> Iterator[int]:
    """The inputs whose gradient is not finite, of a node whose own is."""
    own = gradients.arrays.get(site.node.id)
    if own is None or not np.isfinite(own).all():
        return
    for index, source in enumerate(site.node.inputs):
        gradient = gradients.arrays.get(source)
        if gradient is not None and site.wanted[index] and not np.isfinite(gradient).all():
            yield index


def _steep_place(site: Site, gradients: Gradients, graph: Graph) -> BadNode | None:
    """Where the function has a value and no finite slope."""
    op = OPS[site.node.op]
    for index in _bad_slopes(site, gradients):
        slopes = np.broadcast_to(op.steep(site, index), site.y.shape)
        if not (steep := slopes != 0).any():
            continue
        seen, slope = _look(site, steep), slopes[steep][0]
        name = graph.nodes[site.node.inputs[index]].name
        return seen.told(
            f"{seen.at}: expected {op.domain}, got {seen.came}, where the value {seen.value:g} is finite but "
            f"its slope with respect to {name!r} is {'infinite' if np.isinf(slope) else 'not defined'}",
            outside_domain=True,
        )
    return None


def _large_slope(site: Site, gradients: Gradients, graph: Graph) -> BadNode | None:
    """Where a slope is beyond the dtype, though the function has one."""
    for index in _bad_slopes(site, gradients):
        own = _gradient_alone(site, index)
        if np.isfinite(own).all():
            continue  # another reader of that input has made it so
        is_alike = own.shape == site.y.shape
        seen = _look(site, ~np.isfinite(own) if is_alike else np.isfinite(site.y))
        at = seen.at if is_alike else f"{seen.function} in {site.node.name!r}"
        name = graph.nodes[site.node.inputs[index]].name
        return seen.told(
            f"{at}: the slope with respect to {name!r} is too large for {site.dtype.name}",
            outside_domain=False,
        )
    return None


def _gradient_alone(site: Site, index: int) -> np.ndarray:
    """What this node alone adds to the gradient of one input."""
    alone = _Alone()
    site.calls, site.targets = [], alone
    OPS[site.node.op].gradient(site)
    for call in site.calls:
        call()
    return alone.arrays[index]


class _Alone:
    """An array of its own for the gradient of each input (`GradientTargets` of the ops)."""

    def __init__(self) -> None:
        self.arrays: dict[int, np.ndarray] = {}

    def note(self, site: Site, index: int, product: WeightProduct) -> None:
        pass

    def target(self, site: Site, index: int) -> np.ndarray:
        self.arrays[index] = site.buffer(site.x[index])
        return self.arrays[index]

    def share(self, site: Site, index: int) -> bool:  # noqa: ARG002 - never
        return False
