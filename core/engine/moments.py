"""Mean and variance of a whole batch from its shards, and the buffers of batch norm that follow them.

A shard v of n_v numbers a channel, with mean m_v and sum of squared deviations M2_v, tells with a common
shift c, the running mean that all members share,

    a_v = n_v (m_v - c),    b_v = M2_v + a_v² / n_v.

Both need only be added over the shards, so they travel in the same tree as the gradients. With n, a and b
the sums, the batch has mean c + a / n and M2 = b - a² / n: the pooling of Chan, Golub and LeVeque, "Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979), in a form that a plain sum can do.
With one shard b - a² / n is M2_v itself but for a rounding.
"""

import numpy as np

from lockstep.core.model.graph import Graph


def split_moments(graph: Graph, statistics: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each moments of the graph its part of `statistics` (S,), as a view (2, channels): a and b."""
    views = []
    start = 0
    for moments in graph.moments:
        views.append(statistics[start : start + moments.width].reshape(2, moments.channels))
        start += moments.width
    return tuple(views)


class RunningStatistics:
    """The update of the running means and variances, as torch.nn.BatchNorm does it."""

    def __init__(self, graph: Graph, buffers: dict[str, np.ndarray], statistics: np.ndarray) -> None:
        self._parts = tuple(zip(graph.moments, split_moments(graph, statistics), strict=True))
        self._buffers = buffers

    def update(self, rows: int) -> None:
        """Follow the whole batch of `rows` rows, whose sums lie in `statistics`.

        The variance is the unbiased one; one single number has none, and then it stays.
        """
        for moments, (a, b) in self._parts:
            count = rows * moments.places
            mean = self._buffers[f"{moments.layer}.running_mean"]
            variance = self._buffers[f"{moments.layer}.running_var"]
            if count > 1:
                unbiased = (b - a * a / count) / (count - 1)
                variance += moments.momentum * (unbiased - variance)
            mean += moments.momentum * (a / count)
            self._buffers[f"{moments.layer}.num_batches_tracked"] += 1
