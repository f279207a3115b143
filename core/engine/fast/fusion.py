"""What a program computes in another order than the graph says, to the same numbers."""

from dataclasses import replace
from types import MappingProxyType

from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS


def with_late_functions(graph: Graph) -> Graph:
    """max(relu(x)) over windows as relu(max(x)), where nothing else reads relu(x): less work.

    relu does not change which number is the largest but where all become 0, and these have no gradient. The
    node of the relu stays, as the identity.
    """
    consumers = graph.consumers()
    nodes = list(graph.nodes)
    for reader in graph.nodes:
        if not OPS[reader.op].absorbs:
            continue
        source = graph.nodes[reader.inputs[0]]
        late = OPS[source.op].absorbed_as
        if late in OPS[reader.op].absorbs and consumers[source.id] == 1 and source.id != graph.output:
            nodes[source.id] = replace(source, op="identity")
            nodes[reader.id] = replace(reader, attributes=MappingProxyType({**reader.attributes, late: 1}))
    return replace(graph, nodes=tuple(nodes))
