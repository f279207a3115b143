"""Mean and variance of a batch from its shards."""

import numpy as np
import pytest

from lockstep.core.engine.moments import RunningStatistics, split_moments
from lockstep.core.model.graph import Buffer, Graph, GraphBuilder, Moments

MOMENTUM = 0.25


def graph_with_moments(channels: int, places: int) -> Graph:
    builder = GraphBuilder(1)
    for part in ("running_mean", "running_var"):
        builder.buffer(Buffer(name=f"1.{part}", shape=(channels,), start=0.0))
    builder.moments(Moments(layer="1", channels=channels, places=places, momentum=MOMENTUM))
    return builder.finish(builder.data())


def told_by(shard: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What a shard (rows, channels, places) tells, by the formulas of core/engine/moments.py."""
    count = shard.shape[0] * shard.shape[2]
    mean = shard.mean(axis=(0, 2))
    a = count * (mean - shift)
    return np.stack([a, ((shard - mean[:, np.newaxis]) ** 2).sum(axis=(0, 2)) + a * a / count])


def buffers(channels: int) -> dict[str, np.ndarray]:
    return {
        "1.running_mean": np.linspace(-1.0, 3.0, channels),
        "1.running_var": np.full(channels, 2.0),
        "1.num_batches_tracked": np.array(4),
    }


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("cuts", [[7], [3, 4], [1, 1, 5]], ids=str)
def test_shards_together_give_the_moments_of_the_batch(cuts: list[int], offset: float) -> None:
    channels, places = 3, 2
    values = np.random.default_rng(0).normal(offset, 2.0, (sum(cuts), channels, places))
    graph, state = graph_with_moments(channels, places), buffers(channels)
    before = {name: buffer.copy() for name, buffer in state.items()}
    total = np.zeros(graph.statistics)
    (view,) = split_moments(graph, total)
    for shard in np.split(values, np.cumsum(cuts)[:-1]):
        view += told_by(shard, before["1.running_mean"])

    RunningStatistics(graph, state, total).update(len(values))

    mean, variance = values.mean(axis=(0, 2)), values.var(axis=(0, 2), ddof=1)
    wanted = {"1.running_mean": mean, "1.running_var": variance}
    for name, new in wanted.items():
        expected = (1 - MOMENTUM) * before[name] + MOMENTUM * new
        np.testing.assert_allclose(state[name], expected, rtol=1e-7)
    assert state["1.num_batches_tracked"] == 5


def test_one_number_has_a_mean_and_no_variance() -> None:
    graph, state = graph_with_moments(1, 1), buffers(1)
    total = told_by(np.full((1, 1, 1), 5.0), state["1.running_mean"]).reshape(-1)

    RunningStatistics(graph, state, total).update(1)

    assert state["1.running_mean"] == pytest.approx(-1.0 + MOMENTUM * 6.0)
    assert state["1.running_var"] == 2.0
