"""Batch norm and dropout: in training, outside it, and what the batch norm tells of its shard."""

import numpy as np
import pytest

from lockstep.core.engine.moments import RunningStatistics
from lockstep.core.engine.program import Options, Program
from lockstep.core.ground.random import Stream
from lockstep.core.model.parameters import Parameters
from tests.core.model.images import FLATTEN, Layer, conv, linear, unflatten
from tests.gradcheck import TOLERANCE, Model, loss, network

NORM_1D: Layer = {"type": "batch_norm_1d", "num_features": 4}
NORM_2D: Layer = {"type": "batch_norm_2d", "num_features": 2, "eps": 0.01}
DROPOUT: Layer = {"type": "dropout", "p": 0.4}
MODELS: dict[str, list[Layer]] = {
    "features": [linear(6, 4), NORM_1D, {"type": "tanh"}, linear(4, 2)],
    "the data's features": [unflatten(6), {**NORM_1D, "num_features": 6}, linear(6, 2)],
    "signals": [unflatten(2, 3), conv(2, 4, 2, axes=1), NORM_1D, {"type": "silu"}, FLATTEN, linear(8, 2)],
    "images": [unflatten(1, 2, 3), conv(1, 2, 2, padding=1), NORM_2D, FLATTEN, linear(24, 2)],
    "the data's images": [unflatten(2, 1, 3), NORM_2D, conv(2, 2, 1), FLATTEN],
    "not affine": [linear(6, 4), {**NORM_1D, "affine": False}, linear(4, 2)],
    "dropout": [linear(6, 4), DROPOUT, {"type": "tanh"}, DROPOUT, linear(4, 2)],
    "dropout of images": [unflatten(1, 2, 3), conv(1, 2, 2), DROPOUT, FLATTEN, DROPOUT, linear(4, 2)],
    "dropout of nothing": [linear(6, 4), {**DROPOUT, "p": 0.0}, linear(4, 2)],
}


def forward(program: Program, x: np.ndarray) -> np.ndarray:
    program.x[...] = x
    for call in program.forward:
        call()
    return program.output


@pytest.mark.parametrize("name", ["mse", "cross_entropy"])
@pytest.mark.parametrize("layers", MODELS.values(), ids=list(MODELS))
def test_gradient_in_training(layers: list[Layer], name: str) -> None:
    assert Model(network(layers, 6), loss(name), rows=7).worst_error() < TOLERANCE


@pytest.mark.parametrize("layers", MODELS.values(), ids=list(MODELS))
def test_gradient_outside_training(layers: list[Layer]) -> None:
    graph = network(layers, 6)
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    for number, buffer in enumerate(parameters.buffers.values(), 2):
        buffer += 0.3 * number if buffer.dtype.kind == "f" else 0
    program = Program(graph, 5, parameters, Options(keep_all=True))
    x, gradient = np.random.default_rng(5).normal(size=(5, 6)), np.full(graph.size, np.nan)
    direction = np.cos(np.arange(graph.size))
    forward(program, x)
    for call in program.differentiate(np.ones_like(program.output), gradient).calls:
        call()
    start = parameters.flat.copy()
    sums = []
    for step in (1e-6, -1e-6):
        parameters.flat[:] = start + step * direction
        sums.append(forward(program, x).sum())

    assert (sums[0] - sums[1]) / 2e-6 == pytest.approx(gradient @ direction, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", ["features", "signals", "images", "the data's images"])
def test_batch_norm_follows_the_formula(name: str) -> None:
    """In training by the moments of its own rows; outside by the running ones."""
    graph = network(MODELS[name], 6)
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    node = next(node for node in graph.nodes if node.op == "batch_norm")
    weight, bias = (parameters.views[graph.nodes[i].name] for i in node.inputs[3:])
    mean, variance = (parameters.buffers[graph.nodes[i].name] for i in node.inputs[1:3])
    for number, array in enumerate((weight, bias, mean, variance)):
        array += np.random.default_rng(number).uniform(0.2, 0.9, array.shape)
    x = np.random.default_rng(5).normal(size=(8, 6))
    for training in (True, False):
        program = Program(graph, 8, parameters, Options(keep_all=True, training=training))
        forward(program, x)
        of, given = program.values[node.inputs[0]], program.values[node.id]
        axes = (0, *range(2, of.ndim))
        m, v = (of.mean(axes), of.var(axes)) if training else (mean, variance)
        shape = (-1, *[1] * (of.ndim - 2))
        expected = (of - m.reshape(shape)) / np.sqrt(v.reshape(shape) + node.attributes["eps"])
        expected = expected * weight.reshape(shape) + bias.reshape(shape)

        np.testing.assert_allclose(given, expected, atol=1e-13)


@pytest.mark.parametrize("cut", [3, 7, 10])
def test_running_statistics_are_those_of_the_whole_batch(cut: int) -> None:
    """Two shards tell their sums; added they move the buffers as one pass over all rows would."""
    graph = network(MODELS["images"], 6)
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    x = np.random.default_rng(5).normal(size=(11, 6)) + 4.0
    told = np.zeros((2, graph.statistics))
    for room, rows in zip(told, (x[:cut], x[cut:]), strict=True):
        forward(Program(graph, len(rows), parameters, Options(training=True), room), rows)
    whole = Program(graph, 11, parameters, Options(keep_all=True))
    forward(whole, x)
    norm = next(node for node in graph.nodes if node.op == "batch_norm")
    of = whole.values[norm.inputs[0]]

    RunningStatistics(graph, parameters.buffers, told.sum(axis=0)).update(11)

    np.testing.assert_allclose(parameters.buffers["2.running_mean"], 0.1 * of.mean((0, 2, 3)), rtol=1e-12)
    expected = 0.9 + 0.1 * of.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(parameters.buffers["2.running_var"], expected, rtol=1e-12)
    assert parameters.buffers["2.num_batches_tracked"] == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_leaves_out_its_part_and_scales_the_rest(dtype: str, p: float) -> None:
    graph = network([linear(1, 1), {"type": "dropout", "p": p}, linear(1, 1)], 1)
    parameters = Parameters(graph, np.dtype(dtype))
    program = Program(graph, 20_000, parameters, Options(keep_all=True, training=True, seed=9))
    program.streams[0].at(3, 2)
    parameters.flat[1] = 1.0
    forward(program, np.zeros((20_000, 1)))

    dropped = next(i for i, node in enumerate(graph.nodes) if node.op == "dropout")
    given = program.values[dropped][:, 0]
    stream, numbers = Stream(9, "node", dropped), np.empty(20_000, dtype)
    stream.at(3, 2)
    stream.uniform(numbers)
    assert abs((given == 0).mean() - p) < 0.015
    np.testing.assert_array_equal(given, np.where(numbers < 1 - p, np.array(1 / (1 - p), dtype), 0))


def test_dropout_follows_from_step_and_shard() -> None:
    model = Model(network(MODELS["dropout"], 6), loss("mse"))
    seen: dict[tuple[int, int], float] = {}
    for at in ((0, 0), (0, 1), (1, 0), (0, 0)):
        model.plan.at(*at)
        model.plan.run()
        value = float(model.partial[-1])
        assert seen.setdefault(at, value) == value

    assert len(set(seen.values())) == 3
