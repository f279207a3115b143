"""Convolution and pooling: values against naive formulas, gradients against central differences."""

import itertools
from typing import Any

import numpy as np
import pytest

import lockstep.core.engine.program
import lockstep.core.model.ops.convolution
from lockstep.core.engine.diagnose import first_bad_node
from lockstep.core.engine.program import Options, Program
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from tests.core.model.images import (
    FLATTEN,
    RELU,
    Layer,
    conv,
    linear,
    naive_convolution,
    naive_pool,
    pool,
    unflatten,
)
from tests.gradcheck import TOLERANCE, Model, loss, network

pytestmark = pytest.mark.bits

ROWS = 5
CONVOLUTIONS: list[Layer] = [
    conv(2, 4, 3),
    conv(2, 4, [2, 3], bias=False),
    conv(2, 4, 3, padding=1),
    conv(2, 8, 2, padding=1),
    conv(2, 4, 3, stride=2, padding=[1, 2]),
    conv(2, 4, 2, dilation=[2, 1], padding=3),
    conv(2, 4, 3, groups=2, padding=1),
    conv(4, 4, [3, 1], groups=4, stride=[1, 2]),
    conv(2, 3, 1),
]
_WINDOWS: list[Layer] = [
    {"kernel_size": 2},
    {"kernel_size": [2, 3]},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": [1, 2]},
    {"kernel_size": 2, "stride": 3},
    {"kernel_size": 1, "stride": 2},
]
POOLS: list[Layer] = [{"type": f"{kind}_pool2d", **window} for kind in ("max", "avg") for window in _WINDOWS]
SIGNALS: list[Layer] = [
    conv(2, 3, 3, axes=1, padding=1, stride=2),
    {"type": "max_pool1d", "kernel_size": 2},
    {"type": "avg_pool1d", "kernel_size": 3, "stride": 1, "padding": 1},
    {"type": "adaptive_avg_pool1d", "output_size": 3},
]


def named(layer: Layer) -> str:
    return "-".join(str(value).replace(" ", "") for value in layer.values())


def run(graph: Graph, x: np.ndarray, *, keep_all: bool = False) -> tuple[Parameters, Program]:
    """The program of a graph after its forward pass on x (rows, columns), outside training."""
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    program = Program(graph, len(x), parameters, Options(keep_all=keep_all))
    program.x[...] = x
    for call in program.forward:
        call()
    return parameters, program


def images(channels: int, height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(ROWS, channels, height, width))


@pytest.fixture(params=["one band", "many bands"])
def bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images fit into one band and one product; the second time they are cut at every chance."""
    if request.param == "many bands":
        monkeypatch.setattr(lockstep.core.model.ops.convolution, "WIDE", 17)
        monkeypatch.setattr(lockstep.core.model.ops.convolution, "BAND_BYTES", 1)
        monkeypatch.setattr(lockstep.core.model.ops.convolution, "NARROW", 1)
        monkeypatch.setattr(lockstep.core.model.ops.convolution, "SMALL_PRODUCT", 1)


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=named)
def test_convolution_follows_the_formula(layer: Layer) -> None:
    x = images(layer["in"])
    graph = network([unflatten(*x.shape[1:]), layer], x[0].size)

    parameters, program = run(graph, x.reshape(ROWS, -1))

    weight = parameters.views["1.weight"]
    bias = parameters.views.get("1.bias", np.zeros(len(weight)))
    np.testing.assert_allclose(program.output, naive_convolution(x, layer, weight, bias), atol=1e-12)


@pytest.mark.parametrize("layer", POOLS, ids=named)
def test_pooling_follows_the_formula(layer: Layer) -> None:
    x = images(2)
    graph = network([unflatten(2, 5, 7), layer, conv(2, 1, 1, bias=False)], 70)

    _, program = run(graph, x.reshape(ROWS, -1), keep_all=True)

    np.testing.assert_allclose(program.values[2], naive_pool(x, layer), atol=1e-12)


@pytest.mark.parametrize("size", [1, 3, [2, 5], [7, 9]])
def test_adaptive_pooling_takes_the_mean_of_each_part(size: Any) -> None:
    lines, columns = (size, size) if isinstance(size, int) else size
    x = images(2)
    layer = {"type": "adaptive_avg_pool2d", "output_size": size}

    _, program = run(
        network([unflatten(2, 5, 7), layer, conv(2, 1, 1)], 70), x.reshape(ROWS, -1), keep_all=True
    )

    for i, j in itertools.product(range(lines), range(columns)):
        part = x[
            :, :, i * 5 // lines : -(-(i + 1) * 5 // lines), j * 7 // columns : -(-(j + 1) * 7 // columns)
        ]
        np.testing.assert_allclose(program.values[2][:, :, i, j], part.mean(axis=(2, 3)), atol=1e-12)


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=named)
def test_gradient_of_convolution(layer: Layer) -> None:
    """Once on the data, where the input has no gradient, once above another layer."""
    channels = layer["in"]
    above = conv(1, channels, 2, padding=1)
    first = network([unflatten(channels, 3, 4), layer, FLATTEN], 12 * channels)
    second = network([unflatten(1, 4, 4), above, {"type": "tanh"}, layer, FLATTEN], 16)

    assert Model(first, loss("mse"), rows=3).worst_error() < TOLERANCE
    assert Model(second, loss("mse"), rows=3).worst_error() < TOLERANCE


@pytest.mark.parametrize("layer", [*POOLS, {"type": "adaptive_avg_pool2d", "output_size": [2, 3]}], ids=named)
@pytest.mark.parametrize("before", [[], [RELU], [{"type": "silu"}]], ids=["", "relu", "silu"])
def test_gradient_of_pooling(layer: Layer, before: list[Layer]) -> None:
    graph = network([unflatten(1, 4, 6), conv(1, 2, 2, padding=1), *before, layer, FLATTEN], 24)

    assert Model(graph, loss("mse"), rows=3).worst_error() < TOLERANCE


@pytest.mark.parametrize("layer", SIGNALS, ids=named)
def test_gradient_over_signals(layer: Layer) -> None:
    layers = [unflatten(2, 9), conv(2, 2, 2, axes=1), layer, {"type": "tanh"}, FLATTEN]

    assert Model(network(layers, 18), loss("mse")).worst_error() < TOLERANCE


@pytest.mark.parametrize("name", ["mse", "cross_entropy"])
@pytest.mark.parametrize(
    "layers",
    [
        [unflatten(2, 3, 3), conv(2, 3, 2), FLATTEN],
        [unflatten(2, 3, 3), conv(2, 3, 2)],
        [unflatten(2, 3, 3), RELU, FLATTEN, RELU, linear(18, 4), unflatten(4, 1, 1), conv(4, 3, 1), FLATTEN],
        [unflatten(2, 9), conv(2, 4, 3, axes=1), linear(7, 3)],
        [unflatten(2, 3, 3), conv(2, 2, 1), {"type": "residual", "layers": [conv(2, 2, 3, padding=1), RELU]}],
        [
            unflatten(2, 3, 3),
            conv(2, 2, 1),
            {"type": "concat", "branches": [[RELU], [conv(2, 1, 1)]]},
            FLATTEN,
        ],
        [linear(18, 18), FLATTEN, {"type": "tanh"}],
    ],
    ids=["view last", "images last", "views among", "linear over signals", "residual", "concat", "no images"],
)
def test_layouts_meet(layers: list[Layer], name: str) -> None:
    """Rows innermost and rows first, one after the other, as output, and beside one another."""
    assert Model(network(layers, 18), loss(name)).worst_error() < TOLERANCE


def test_equal_ones_pass_the_gradient_to_the_first() -> None:
    """As PyTorch: line by line."""
    graph = network([unflatten(1, 2, 4), conv(1, 1, 1, bias=False), pool("max", 2), FLATTEN], 8)
    x = np.array([[3.0, 5.0, 7.0, 7.0, 5.0, 5.0, 7.0, 7.0]])
    parameters, program = run(graph, x, keep_all=True)
    parameters.flat[:] = 1.0
    gradients = program.differentiate(np.array([[10.0, 100.0]]), np.zeros(1))
    for call in (*program.forward, *gradients.calls):
        call()

    expected = np.array([[0.0, 10.0, 100.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(gradients.arrays[3][0, 0], expected)


@pytest.mark.parametrize("padding", [0, 1])
def test_a_relu_taken_after_the_pool_alters_no_bit(padding: int) -> None:
    """With all values kept the relu comes before the pool; there are many zeros and equal ones."""
    layers = [unflatten(1, 6, 6), conv(1, 3, 3, padding=1), RELU, pool("max", 2, padding=padding), FLATTEN]
    graph = network(layers, 36)
    x = np.random.default_rng(2).integers(-1, 2, (ROWS, 36)).astype(float)
    results = []
    for keep_all in (False, True):
        _, program = run(graph, x, keep_all=keep_all)
        gradient = np.full(graph.size, np.nan)
        for call in program.differentiate(np.cos(program.output), gradient).calls:
            call()
        results.append((program.output.tobytes(), gradient.tobytes()))

    assert results[0] == results[1]


def test_a_number_that_is_too_large_is_found() -> None:
    graph = network([unflatten(1, 4, 4), conv(1, 2, 2), pool("max", 2), FLATTEN], 16)
    parameters = Parameters(graph, np.dtype("float32"))
    parameters.initialize(seed=3)
    parameters.views["1.weight"][...] = 1e38

    found = first_bad_node(graph, parameters, np.full((2, 16), 100.0, np.float32))

    assert found is not None
    assert (found.name, found.function) == ("1", "conv2d")
    assert "too large for float32" in found.description
