"""Why a loss or a weight is no longer a finite number: the first node of the graph where it went wrong."""

import math
from dataclasses import dataclass

import numpy as np

from core.graph import Graph
from core.ops import OPS
from core.ops.base import Op, Site
from core.parameters import Parameters
from core.program import Gradients, Options, Program


@dataclass(frozen=True, kw_only=True)
class BadNode:
    """A node whose inputs are finite, and whose value or slope is not.

    `outside_domain`: the function has no value or no slope there; else the number was too large for the
    dtype. `row` is the row of the batch, None for what is the same for all rows. `description` says it in a
    sentence.
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
        for site in reversed(program.sites):
            if found := _bad_slope(site, gradients):
                return found
    return None


def has_steep_places(graph: Graph) -> bool:
    """Whether some function of the graph has places with a finite value and no finite slope.

    A step on such a place shows a finite loss and ruins the weights, so gradients want a look at each step.
    """
    return any(type(OPS[node.op]).steep is not Op.steep for node in graph.nodes)


def _bad_value(site: Site) -> BadNode | None:
    bad = ~np.isfinite(site.y)
    if not bad.any() or not all(np.isfinite(value).all() for value in site.x):
        return None
    outside = OPS[site.node.op].outside(site)
    return _describe(site, outside if outside.any() else bad, outside_domain=bool(outside.any()))


def _bad_slope(site: Site, gradients: Gradients) -> BadNode | None:
    own = gradients.arrays.get(site.node.id)
    if own is None or not np.isfinite(own).all():
        return None
    of_inputs = [gradients.arrays[source] for source in site.node.inputs if source in gradients.arrays]
    if all(np.isfinite(gradient).all() for gradient in of_inputs):
        return None
    steep = np.broadcast_to(OPS[site.node.op].steep(site), site.y.shape)
    return _describe(site, steep if steep.any() else ~np.isfinite(site.y), outside_domain=bool(steep.any()))


def _describe(site: Site, where: np.ndarray, *, outside_domain: bool) -> BadNode:
    """The BadNode of `site` at the first place that is True in `where` (the first of all where none is)."""
    place = np.unravel_index(int(np.argmax(where)), where.shape)
    row = int(place[0]) if site.node.batched and place else None
    inputs = tuple(float(value[place[: value.ndim]]) for value in site.x if value.shape in ((), site.y.shape))
    value = float(site.y[place[: site.y.ndim]])
    function, op = site.node.op.removesuffix("_constant"), OPS[site.node.op]
    at = f"{function} in {site.node.name!r}" + ("" if row is None else f", row {row} of the batch")
    came = ", ".join(f"{number:g}" for number in inputs)
    if outside_domain:
        gives = f"{value:g}" + (", but no finite slope" if math.isfinite(value) else "")
        description = f"{at}: expected {op.domain}, got {came}, which gives {gives}"
    elif site.node.inputs:
        description = f"{at}: the result of {came or 'its inputs'} is too large for {site.dtype.name}"
    else:
        description = f"{function} {site.node.name!r} is {value:g}"
    return BadNode(
        name=site.node.name,
        function=function,
        inputs=inputs,
        value=value,
        row=row,
        outside_domain=outside_domain,
        description=description,
    )
