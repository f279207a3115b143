"""A graph for a fixed number of rows: arrays laid out once, and two flat lists of calls that write them.

Layout and calls follow from graph, rows, dtype and `Options` alone, never from values or from who runs it.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from lockstep.core.engine.moments import split_moments
from lockstep.core.engine.sharing import may_overwrite
from lockstep.core.engine.ways import rewritten
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.random import Stream
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.base import Site, WeightProduct, rows_innermost
from lockstep.core.model.parameters import Parameters, split


@dataclass(frozen=True, kw_only=True)
class Options:
    """How arrays are laid out.

    `rows_last`: the output lies in memory as (outputs, rows), which a loss that reduces over the outputs of
    each row wants (its reductions then run along the rows). `keep_all`: no two nodes share an array, so that
    every value and gradient can be looked at afterwards. `training`: dropout drops, by random numbers that
    begin with `seed`, and batch norm takes the batch's own mean and variance.
    """

    rows_last: bool = False
    keep_all: bool = False
    training: bool = False
    seed: int = 0


class Program:
    """The values of a graph's nodes for `rows` rows, and the calls that compute them.

    `x` (rows, columns) is to be filled by the caller; after the calls of `forward`, `values[id]` is each
    node's value and `output` (rows, outputs) the model's; `sites` are the nodes' places for who explains
    them. The calls read `parameters.flat` and its buffers where they lie. In training, `streams` are the
    random numbers to be turned to step and shard, and `statistics` (S,), if given, receives what the nodes
    tell of their moments. The caller keeps numpy's warnings off (np.errstate)
    while calls run: an overflow on the way to a right limit (e^1000 in a sigmoid) is nothing to report.
    """

    def __init__(
        self,
        graph: Graph,
        rows: int,
        parameters: Parameters,
        options: Options,
        statistics: np.ndarray | None = None,
    ) -> None:
        self.graph = graph = graph if options.keep_all else rewritten(graph)
        self.rows = rows
        self.dtype = parameters.dtype
        self.forward: list[Call] = []
        self.keeps_all = options.keep_all
        self.streams: list[Stream] = []
        self.x_with_ones: np.ndarray | None = None  # see core.engine.fast.chain.Chain
        self._options = options
        room = np.zeros(graph.statistics, self.dtype) if statistics is None else statistics
        self._moments = split_moments(graph, room)
        self._consumers = graph.consumers()
        by_name = bool(graph.input_names)
        # Columns that are taken one by one lie one after another.
        shape = (graph.columns, rows) if by_name else (rows, graph.columns)
        self.x = aligned(shape, self.dtype).T if by_name else aligned(shape, self.dtype)
        self.values: list[np.ndarray] = []
        self.sites: list[Site] = []
        self._varies: list[bool] = []
        transposed = self._transposed_nodes() if options.rows_last else frozenset()
        for node in graph.nodes:
            self._lay_out(node, parameters, transposed)
        self.output = self.present(self.values[graph.output])

    def present(self, array: np.ndarray) -> np.ndarray:
        """The output node's array, or its gradient's, as (rows, outputs)."""
        return array.reshape(self.rows, 1) if array.ndim == 1 else array

    def output_gradient(self) -> np.ndarray:
        """Room for the gradient of the output node, laid out as its value is: zeros."""
        return np.zeros_like(self.values[self.graph.output])

    def _transposed_nodes(self) -> frozenset[int]:
        """The output, and before it all that it is an elementwise function of."""
        node = self.graph.nodes[self.graph.output]
        found = {node.id}
        while OPS[node.op].elementwise:
            node = self.graph.nodes[node.inputs[0]]
            found.add(node.id)
        return frozenset(found)

    def _lay_out(self, node: Node, parameters: Parameters, transposed: frozenset[int]) -> None:
        """Give `node` its array, and append the calls that write it."""
        inputs = tuple(self._readable(node, self.values[source]) for source in node.inputs)
        value = self._array(node, parameters, transposed)
        constant = not (OPS[node.op].varies or any(self._varies[i] for i in node.inputs))
        self._varies.append(not constant)
        site = Site(
            dtype=self.dtype,
            calls=[] if constant else self.forward,
            node=node,
            x=inputs,
            y=value,
            training=self._options.training,
            spent=not self.keeps_all and node.id != self.graph.output,
            new_stream=partial(self._new_stream, node) if self._options.training else None,
        )
        if "moments" in node.attributes:
            site.moments = self._moments[node.whole("moments")]
        self.values.append(value)
        self.sites.append(site)
        with np.errstate(all="ignore"):
            OPS[node.op].forward(site)
            if constant:
                for call in site.calls:
                    call()

    def _new_stream(self, node: Node) -> Stream:
        self.streams.append(Stream(self._options.seed, "node", node.id))
        return self.streams[-1]

    def _readable(self, node: Node, value: np.ndarray) -> np.ndarray:
        """An input of `node` as its op can read it: itself, or a copy in C order made at each run."""
        if OPS[node.op].takes(value):
            return value
        copy = aligned(value.shape, self.dtype)
        self.forward.append(partial(np.copyto, copy, value))
        return copy

    def _array(self, node: Node, parameters: Parameters, transposed: frozenset[int]) -> np.ndarray:
        op = OPS[node.op]
        if (given := op.given(node, self.x, parameters)) is not None:
            return given
        source = self.values[node.inputs[0]]
        if not self.keeps_all and may_overwrite(self.graph, self._consumers, node):
            return source
        shape = (self.rows, *node.shape) if node.batched else node.shape
        wants_rows_last = node.id in transposed and len(shape) == 2
        if op.view and ((seen := source.reshape(shape)).flags.f_contiguous or not wants_rows_last):
            return seen
        follows = op.follows and source.ndim > 1 and not source.flags.c_contiguous
        if wants_rows_last or op.rows_innermost or follows:
            return rows_innermost(shape, self.dtype)
        return aligned(shape, self.dtype)

    def differentiate(self, output_gradient: np.ndarray, flat: np.ndarray) -> "Gradients":
        """The calls from `output_gradient` (the output node's shape) to `flat` (P,), all of it written."""
        return Gradients(self, self.sites, output_gradient, flat)


class Gradients:
    """The backward pass of a program: `calls`, and `arrays`, the gradient of the loss by node id.

    `products` are the calls that give the gradient of a parameter which but one node reads.

    Arrays of nodes that stand in one line (each the only reader of the one before) may be one and the same,
    so they can be looked at afterwards in a program that keeps all.
    """

    def __init__(
        self, program: Program, sites: list[Site], output_gradient: np.ndarray, flat: np.ndarray
    ) -> None:
        self.calls: list[Call] = []
        self.arrays: dict[int, np.ndarray] = {}
        self.products: list[WeightProduct] = []
        self._program = program
        self._graph = program.graph
        self._consumers = program.graph.consumers()
        self._parameter_views = split(program.graph, flat)
        self._sums: list[tuple[np.ndarray, np.ndarray]] = []
        self._lent: set[int] = set()
        self._needed = program.graph.above_parameters()
        if program.graph.output in self._needed:
            self.arrays[program.graph.output] = output_gradient
        for site in reversed(sites):
            if site.node.id in self.arrays:
                self._append(site)
        self._clear_unused_parameters()

    def _append(self, site: Site) -> None:
        """Append the gradient of one node; where an input has a gradient already, the new one is added."""
        site.gy = self.arrays[site.node.id]
        site.calls = self.calls
        site.targets = self
        site.wanted = tuple(source in self._needed for source in site.node.inputs)
        if any(site.wanted):
            OPS[site.node.op].gradient(site)
        for total, term in self._sums:
            site.call(np.add, total, term, total)
        self._sums.clear()

    def _clear_unused_parameters(self) -> None:
        used = {node.name for node in self._graph.nodes if node.is_parameter and node.id in self.arrays}
        self.calls.extend(
            partial(np.copyto, view, 0.0) for name, view in self._parameter_views.items() if name not in used
        )

    def target(self, site: Site, index: int) -> np.ndarray:
        """Where a node writes the gradient of its input: see core.model.ops.base.Site.gx."""
        source = self._graph.nodes[site.node.inputs[index]]
        if source.id in self.arrays:
            term = site.buffer(self.arrays[source.id])
            self._sums.append((self.arrays[source.id], term))
            return term
        if source.is_parameter:
            self.arrays[source.id] = self._parameter_views[source.name]
        elif OPS[site.node.op].elementwise and self._may_share(source):
            self.arrays[source.id] = site.gy
        else:
            self.arrays[source.id] = site.buffer(site.x[index])
        return self.arrays[source.id]

    def share(self, site: Site, index: int) -> bool:
        """Lend the node's own array to an input as its gradient, to only one, if nothing else reads them."""
        source = self._graph.nodes[site.node.inputs[index]]
        fits = source.batched == site.node.batched and not source.is_parameter
        if not fits or source.id in self.arrays or site.node.id in self._lent or not self._may_share(source):
            return False
        shared = site.gy.reshape(site.x[index].shape)
        if not np.may_share_memory(shared, site.gy):
            return False
        self._lent.add(site.node.id)
        self.arrays[source.id] = shared
        return True

    def note(self, site: Site, index: int, product: WeightProduct) -> None:
        """See core.model.ops.base.Targets."""
        source = self._graph.nodes[site.node.inputs[index]]
        if source.is_parameter and self._consumers[source.id] == 1:
            self.products.append(product)

    def _may_share(self, source: Node) -> bool:
        return self._consumers[source.id] == 1 and not self._program.keeps_all
