"""Which node of a graph needs no array of its own."""

from collections.abc import Sequence

from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS


def may_overwrite(graph: Graph, consumers: Sequence[int], node: Node) -> bool:
    """Whether `node` can write over its input: nothing reads that again, forward or backward.

    `consumers` are the graph's own.
    """
    op = OPS[node.op]
    if not op.elementwise or op.reads_input:
        return False
    source = graph.nodes[node.inputs[0]]
    while source.inputs and consumers[source.id] == 1 and not OPS[source.op].reads_output:
        if not OPS[source.op].view:
            return True
        source = graph.nodes[source.inputs[0]]
    return False
