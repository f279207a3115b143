"""Small linear layers in a row, with their biases folded into their weights: fewer and cheaper calls.

Where a step takes microseconds, most of it is what each call costs, not what it computes. So an input of a
linear layer gets one more column, of ones, and the weights one more row, the bias, which lies behind them in
the flat vector anyway: then one product does forward what a product and a sum did, and one product backward
gives both gradients. Elementwise functions run over the column of ones too, in one piece; it is set to ones
again after them, and its gradient is not used.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.random import Stream
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.base import Site, WeightProduct, product
from lockstep.core.model.parameters import Parameters

MAX_ELEMENTS = 8192
"""Of any layer's input or output: beyond that the odd width of a product costs more than is saved."""


@dataclass(frozen=True, kw_only=True)
class _Link:
    """One linear layer: the numbers of its weight, and what follows it, up to the next one."""

    start: int
    inputs: int
    outputs: int
    functions: tuple[Node, ...]

    @property
    def stop(self) -> int:
        """Where the weights and the bias end in the flat vector."""
        return self.start + (self.inputs + 1) * self.outputs

    def folded(self, flat: np.ndarray) -> np.ndarray:
        """Weights and bias out of a flat vector as one matrix (in + 1, out)."""
        return flat[self.start : self.stop].reshape(self.inputs + 1, self.outputs)


@dataclass(kw_only=True)
class _Calls:
    """The backward pass of a chain (`Backward`)."""

    calls: list[Call] = field(default_factory=list)
    products: list[WeightProduct] = field(default_factory=list)


class Chain:
    """The `Executable` of a graph of which `links_of` knows the links."""

    def __init__(
        self, links: tuple[_Link, ...], rows: int, parameters: Parameters, *, rows_last: bool
    ) -> None:
        self.dtype = parameters.dtype
        self.streams: list[Stream] = []
        self.forward: list[Call] = []
        self._links = links
        self._rows = rows
        self._rows_last = rows_last
        self._flat = parameters.flat
        self._inputs: list[np.ndarray] = []
        self._sites: list[list[Site]] = []
        wide = self._with_ones(links[0].inputs)
        self.x_with_ones: np.ndarray | None = wide
        self.x = wide[:, :-1]
        for link in links[:-1]:
            wide = self._append(link, wide)
        self.output = self._append_last(links[-1], wide)

    def output_gradient(self) -> np.ndarray:
        """See Program.output_gradient."""
        return np.zeros_like(self.output)

    def present(self, array: np.ndarray) -> np.ndarray:
        """See Program.present."""
        return array

    def _with_ones(self, width: int) -> np.ndarray:
        wide = aligned((self._rows, width + 1), self.dtype)
        wide[:, -1] = 1.0
        return wide

    def _append(self, link: _Link, wide: np.ndarray) -> np.ndarray:
        """A layer with its functions; gives the next layer's input."""
        value = self._with_ones(link.outputs)
        self._inputs.append(wide)
        self.forward.append(product(wide, link.folded(self._flat), value[:, :-1]))
        value = self._apply(link.functions, value)
        if not all(OPS[node.op].keeps_one for node in link.functions):
            self.forward.append(partial(np.copyto, value[:, -1], np.ones((), self.dtype)))
        return value

    def _append_last(self, link: _Link, wide: np.ndarray) -> np.ndarray:
        """The last layer; its output has no column of ones."""
        weights = link.folded(self._flat)
        self._inputs.append(wide)
        if self._rows_last:
            turned = aligned((link.outputs, self._rows), self.dtype)
            self.forward.append(product(weights.T, wide.T, turned))
            return self._apply(link.functions, turned).T
        value = aligned((self._rows, link.outputs), self.dtype)
        self.forward.append(product(wide, weights, value))
        return self._apply(link.functions, value)

    def _apply(self, functions: tuple[Node, ...], value: np.ndarray) -> np.ndarray:
        sites: list[Site] = []
        for node in functions:
            free = not OPS[node.op].reads_input and (not sites or not OPS[sites[-1].node.op].reads_output)
            site = Site(dtype=self.dtype, calls=self.forward, node=node, x=(value,), y=value)
            site.y = value if free else site.buffer(value)
            OPS[node.op].forward(site)
            sites.append(site)
            value = site.y
        self._sites.append(sites)
        return value

    def differentiate(self, output_gradient: np.ndarray, flat: np.ndarray) -> _Calls:
        """See Program.differentiate."""
        backward = _Calls()
        calls, narrow = backward.calls, output_gradient
        gradient = output_gradient.T if self._rows_last else output_gradient
        for number in reversed(range(len(self._links))):
            for site in reversed(self._sites[number]):
                site.calls, site.gy, site.wanted, site.targets = calls, gradient, (True,), InPlace()
                OPS[site.node.op].gradient(site)
            link, wide = self._links[number], self._inputs[number]
            slopes, out = narrow, link.folded(flat)
            if number:
                gradient = aligned(wide.shape, self.dtype)
                calls.append(product(narrow, link.folded(self._flat).T, gradient))
                narrow = gradient[:, :-1]
            calls.append(product(wide.T, slopes, out))
            backward.products.append(WeightProduct(len(calls) - 1, wide.T, slopes, out))
        return backward


class InPlace:
    """The gradient of a function's input takes the place of that of its output."""

    def target(self, site: Site, index: int) -> np.ndarray:  # noqa: ARG002 - there is but one input
        """See core.model.ops.base.Targets."""
        return site.gy

    def note(self, site: Site, index: int, product: WeightProduct) -> None:
        """See core.model.ops.base.Targets; a function has no weights."""

    def share(self, site: Site, index: int) -> bool:  # noqa: ARG002
        """See core.model.ops.base.Targets."""
        return True


class Chains:
    """The graphs that are chains, too small not to gain by it (`FastExecutables`)."""

    def build(self, rows: int, parameters: Parameters, *, rows_last: bool) -> Chain | None:
        """The chain of a graph; None where the graph is not a chain, or too large.

        For `rows_last` see core.engine.program.Options.
        """
        links = links_of(parameters.graph)
        if links is None or any(rows * max(link.inputs + 1, link.outputs) > MAX_ELEMENTS for link in links):
            return None
        return Chain(links, rows, parameters, rows_last=rows_last)


def links_of(graph: Graph) -> tuple[_Link, ...] | None:
    """The layers of a graph that is a row of linear layers with biases and elementwise functions."""
    starts: dict[str, int] = {}
    size = 0
    for parameter in graph.parameters:
        starts[parameter.name] = size
        size += parameter.size
    links: list[_Link] = []
    functions: list[Node] = []
    node = graph.nodes[graph.output]
    while node.inputs:
        op = OPS[node.op]
        if op.between_layers:
            functions.insert(0, node)
        elif op.affine and len(node.inputs) == 3:
            weight, bias = (graph.nodes[source] for source in node.inputs[1:])
            inputs, outputs = weight.shape
            link = _Link(
                start=starts[weight.name], inputs=inputs, outputs=outputs, functions=tuple(functions)
            )
            if starts[bias.name] != link.stop - outputs:
                return None
            links.insert(0, link)
            functions = []
        else:
            return None
        node = graph.nodes[node.inputs[0]]
    used = 1 + sum(3 + len(link.functions) for link in links)
    return tuple(links) if links and not functions and used == len(graph.nodes) else None
