"""Whole numbers among the inputs, which stand for rows of an embedding."""

import numpy as np

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS


def vocabulary(graph: Graph) -> int | None:
    """How many different whole numbers, from 0, every embedding of the model knows; None without one."""
    counts = [OPS[node.op].known_tokens(node) for node in graph.nodes]
    return min((count for count in counts if count is not None), default=None)


def wrong_tokens(x: np.ndarray, count: int) -> np.ndarray:
    """True where the inputs are no whole numbers from 0 to count - 1; shaped like `x`."""
    return np.asarray((x < 0) | (x >= count) | (x != np.floor(x)))


def require_tokens(graph: Graph, *inputs: np.ndarray) -> None:
    """Raise InvalidData where the model has an embedding that does not know a number of `inputs`."""
    count = vocabulary(graph)
    if count is None:
        return
    for x in inputs:
        places = np.argwhere(wrong_tokens(x, count))
        if len(places):
            came = x[tuple(places[0])]
            raise InvalidData(
                f"expected whole numbers from 0 to {count - 1} for the embedding, got {came:g}: "
                "number the inputs from 0, leave standardize out, or raise num_embeddings"
            )
