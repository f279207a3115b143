"""The graph of a model: nodes with shapes, in topological order. It holds no arrays and computes nothing.

The same object is compiled and run (core/engine/program.py), drawn, and explained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from lockstep.core.model.initializers import Initializer

Attribute = float | int | str | tuple[int, ...]
_PARAMETER = "parameter"
"""The op that reads a learned array, and its attribute: which one of the graph's."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One value of the model.

    `shape` is the shape for one sample. A `batched` node has one such value for each row of the batch, in
    front of `shape`; the others (parameters, constants, what follows from these alone) have one for all rows.
    `op` names an entry of core.model.ops.OPS. `name` is what a user knows the node by: "0" or "1.0" for a
    layer, the text of the subexpression in an expression.
    """

    id: int
    op: str
    inputs: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    batched: bool = False
    name: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_parameter(self) -> bool:
        """Whether it is a learned array."""
        return _PARAMETER in self.attributes

    def number(self, name: str) -> float:
        """An attribute that is a number."""
        value = self.attributes[name]
        if isinstance(value, (int, float)):
            return float(value)
        raise TypeError(f"expected a number as {name} of node {self.id}, got {value!r}")

    def whole(self, name: str) -> int:
        """An attribute that is a whole number."""
        value = self.attributes[name]
        if isinstance(value, int):
            return value
        raise TypeError(f"expected a whole number as {name} of node {self.id}, got {value!r}")

    def sizes(self, name: str) -> tuple[int, ...]:
        """An attribute that is several whole numbers."""
        value = self.attributes[name]
        if isinstance(value, tuple):
            return value
        raise TypeError(f"expected several numbers as {name} of node {self.id}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One learned array.

    `name` and `shape` are those of the state_dict of a torch.nn.Sequential. Where `transposed`, the array is
    stored with its two axes exchanged, because that makes the forward product cheaper.
    """

    name: str
    shape: tuple[int, ...]
    transposed: bool = False
    initializer: Initializer

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape inside the flat vector."""
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """One array of a model's state that is not learned; it starts filled with `start`.

    `name` and `shape` are those of the state_dict; with `counts` it is a whole number (int64).
    """

    name: str
    shape: tuple[int, ...]
    start: float
    counts: bool = False


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and variance that a node takes of each batch, and the buffers that follow them.

    `layer` is the prefix of the buffers `running_mean` and `running_var` (channels,) and
    `num_batches_tracked`; `places` is how many numbers of a channel each row has. See core/engine/moments.py.
    """

    layer: str
    channels: int
    places: int
    momentum: float

    @property
    def width(self) -> int:
        """How many numbers a shard tells of them."""
        return 2 * self.channels


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in topological order (a node's id is its index), parameters in the order of the flat vector.

    `input_names` are the data's columns that have a name, in the columns' order: an expression's inputs.
    """

    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]
    output: int
    columns: int
    input_names: tuple[str, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    moments: tuple[Moments, ...] = ()

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What the model gives for one row; one number counts as (1,)."""
        return self.nodes[self.output].shape or (1,)

    @property
    def outputs(self) -> int:
        """How many numbers the model gives for one row, or for each place of a sequence: the last axis."""
        return self.output_shape[-1]

    @property
    def size(self) -> int:
        """The number of elements of all parameters together."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def statistics(self) -> int:
        """How many numbers a shard tells of its moments."""
        return sum(moments.width for moments in self.moments)

    def above_parameters(self) -> frozenset[int]:
        """The nodes whose value hangs on a parameter, these included: those that a gradient goes through."""
        above: set[int] = set()
        for node in self.nodes:
            if node.is_parameter or any(source in above for source in node.inputs):
                above.add(node.id)
        return frozenset(above)

    def consumers(self) -> tuple[int, ...]:
        """For each node, how many times other nodes take it as an input (x*x takes x twice)."""
        counts = [0] * len(self.nodes)
        for node in self.nodes:
            for source in node.inputs:
                counts[source] += 1
        return tuple(counts)


class GraphBuilder:
    """Collects nodes and parameters; `finish` gives the Graph."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._nodes: list[Node] = []
        self._parameters: list[Parameter] = []
        self._buffers: list[Buffer] = []
        self._moments: list[Moments] = []

    def add(
        self,
        op: str,
        inputs: Sequence[Node] = (),
        *,
        shape: tuple[int, ...] = (),
        name: str = "",
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Node:
        """Append one node that is computed. It is batched if it takes a batched input."""
        return self._append(
            Node(
                id=len(self._nodes),
                op=op,
                inputs=tuple(source.id for source in inputs),
                shape=shape,
                batched=any(source.batched for source in inputs),
                name=name,
                attributes=MappingProxyType(dict(attributes or {})),
            )
        )

    def data(self) -> Node:
        """Append all columns of the data."""
        return self._append(
            Node(id=len(self._nodes), op="input", shape=(self._columns,), batched=True, name="x")
        )

    def column(self, number: int, name: str) -> Node:
        """Append one column of the data."""
        attributes = {"column": number}
        return self._append(
            Node(id=len(self._nodes), op="column", batched=True, name=name, attributes=attributes)
        )

    def constant(self, value: float, name: str) -> Node:
        """Append a number of an expression."""
        return self.add("constant", name=name, attributes={"value": value})

    def _append(self, node: Node) -> Node:
        self._nodes.append(node)
        return node

    def node(self, number: int) -> Node:
        """The node with that id."""
        return self._nodes[number]

    def parameter(self, parameter: Parameter) -> Node:
        """Append a parameter and the node that reads it."""
        self._parameters.append(parameter)
        attributes = {_PARAMETER: len(self._parameters) - 1}
        return self.add(_PARAMETER, shape=parameter.stored, name=parameter.name, attributes=attributes)

    def buffer(self, buffer: Buffer) -> Node:
        """Append a buffer and the node that reads it."""
        self._buffers.append(buffer)
        attributes = {"buffer": len(self._buffers) - 1}
        return self.add("buffer", shape=buffer.shape, name=buffer.name, attributes=attributes)

    def moments(self, moments: Moments) -> int:
        """Append the moments of a node that comes next; gives their number, for its attribute "moments"."""
        self._moments.append(moments)
        return len(self._moments) - 1

    def finish(self, output: Node, input_names: tuple[str, ...] = ()) -> Graph:
        """The graph whose value is `output`."""
        return Graph(
            nodes=tuple(self._nodes),
            parameters=tuple(self._parameters),
            output=output.id,
            columns=self._columns,
            input_names=input_names,
            buffers=tuple(self._buffers),
            moments=tuple(self._moments),
        )
