"""What a program computes in another order than the graph says, to the same numbers."""

from dataclasses import replace
from types import MappingProxyType

from lockstep.core.model.graph import Graph

_MAX_POOLS = ("max_pool1d", "max_pool2d")


def with_late_relu(graph: Graph) -> Graph:
    """max(relu(x)) over windows as relu(max(x)), where nobody else reads relu(x): less work.

    relu does not change which number is the largest but where all become 0, and these have no gradient. The
    node of the relu stays, as the identity.
    """
    consumers = graph.consumers()
    nodes = list(graph.nodes)
    for pool in graph.nodes:
        if pool.op not in _MAX_POOLS:
            continue
        relu = graph.nodes[pool.inputs[0]]
        if relu.op == "relu" and consumers[relu.id] == 1 and relu.id != graph.output:
            nodes[relu.id] = replace(relu, op="identity")
            nodes[pool.id] = replace(pool, attributes=MappingProxyType({**pool.attributes, "relu": 1}))
    return replace(graph, nodes=tuple(nodes))
