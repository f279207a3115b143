"""How many numbers a plan keeps of each row, and when several shards are worked on together."""

import math
from typing import NamedTuple

from lockstep.core.engine.sharing import may_overwrite
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS

MAX_TOGETHER_BYTES = 2**23
"""Shards whose arrays take more than this together are worked on one after another: their calls cost nothing

beside their work, and one shard's arrays, which serve all of them, stay in the cache.
"""


class RowNumbers(NamedTuple):
    """How many numbers of each row are kept."""

    forward: int
    back: int


def row_numbers(graph: Graph) -> RowNumbers:
    """How many numbers of one row are kept on the way forward, and on the way back."""
    consumers = graph.consumers()
    forward = back = 0
    for node in graph.nodes:
        if not node.batched or OPS[node.op].view:
            continue
        own = math.prod(node.shape)
        beside = OPS[node.op].beside(node, [graph.nodes[source].shape for source in node.inputs])
        forward += beside + (0 if may_overwrite(graph, consumers, node) else own)
        # The gradient of an elementwise function's input is written over that of its value.
        back += beside + (0 if OPS[node.op].elementwise else own)
    return RowNumbers(forward=forward, back=back)
