"""A relu that a pool may take over, and one that others read too: the numbers are the graph's."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast.fusion import with_late_functions
from lockstep.core.engine.program import Options, Program
from lockstep.core.model.graph import Graph, GraphBuilder
from lockstep.core.model.parameters import Parameters
from tests.core.model.images import FLATTEN, RELU, Layer, conv, naive_pool, pool, unflatten
from tests.gradcheck import TOLERANCE, Model, loss, network

pytestmark = pytest.mark.bits

KEEPS_SHAPE = pool("max", 3, stride=1, padding=1)
AFTER: dict[str, Layer] = {
    "alone": KEEPS_SHAPE,
    "residual": {"type": "residual", "layers": [KEEPS_SHAPE]},
    "concat": {"type": "concat", "branches": [[], [KEEPS_SHAPE]]},
    "two pools": {"type": "concat", "branches": [[KEEPS_SHAPE], [pool("max", 1)]]},
    "means": pool("avg", 3, stride=1, padding=1),
    "another layer": {"type": "concat", "branches": [[conv(2, 1, 1)], [KEEPS_SHAPE]]},
}


def computed(graph: Graph, x: np.ndarray, *, keep_all: bool) -> tuple[Any, np.ndarray]:
    """The outputs for x, and the values of the graph's nodes."""
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    program = Program(graph, len(x), parameters, Options(keep_all=keep_all))
    program.x[...] = x
    for call in program.forward:
        call()
    return program.values, program.output


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER.keys())
def test_predictions_are_those_of_the_graph_as_written(after: Layer) -> None:
    graph = network([unflatten(1, 4, 6), conv(1, 2, 3, padding=1), RELU, after, FLATTEN], 24)
    x = np.random.default_rng(5).normal(size=(3, 24))

    _, fast = computed(graph, x, keep_all=False)
    _, whole = computed(graph, x, keep_all=True)

    assert (fast != 0).any()
    assert fast.tobytes() == whole.tobytes()


def test_the_way_around_a_pool_carries_relu_too() -> None:
    layers = [unflatten(1, 4, 6), conv(1, 2, 3, padding=1), RELU, AFTER["residual"], FLATTEN]
    graph = network(layers, 24)
    x = np.random.default_rng(5).normal(size=(3, 24))

    values, _ = computed(graph, x, keep_all=True)
    _, output = computed(graph, x, keep_all=False)

    before = np.maximum(values[[node.op for node in graph.nodes].index("conv2d")], 0.0)
    expected = before + naive_pool(before, KEEPS_SHAPE)
    np.testing.assert_allclose(output, expected.reshape(3, -1), rtol=1e-12)


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER.keys())
def test_gradients_are_those_of_the_graph_as_written(after: Layer) -> None:
    graph = network([unflatten(1, 4, 6), conv(1, 2, 3, padding=1), RELU, after, FLATTEN], 24)

    assert Model(graph, loss("mse"), rows=3).worst_error() < TOLERANCE


@pytest.mark.parametrize("function", ["leaky_relu", "relu6", "tanh"])
def test_other_functions_stay_before_the_pool(function: str) -> None:
    layers = [unflatten(1, 4, 6), conv(1, 2, 3, padding=1), {"type": function}, KEEPS_SHAPE, FLATTEN]

    assert with_late_functions(network(layers, 24)) == network(layers, 24)


def test_a_relu_that_is_the_output_stays() -> None:
    builder = GraphBuilder(6)
    signal = builder.add("unflatten", [builder.data()], shape=(1, 6))
    relu = builder.add("relu", [signal], shape=(1, 6))
    windows = {"kernel_size": (2,), "stride": (2,), "padding": (0,)}
    builder.add("max_pool1d", [relu], shape=(1, 3), attributes=windows)

    assert with_late_functions(builder.finish(relu)) == builder.finish(relu)
