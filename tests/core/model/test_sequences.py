"""Layers of sequences: gradients against central differences, in every option and layout."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.program import Options, Program
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from tests.gradcheck import STEP, TOLERANCE, Model, loss, network

pytestmark = pytest.mark.bits

Layers = list[Any]


def linear(inputs: int, outputs: int) -> dict[str, object]:
    return {"type": "linear", "in": inputs, "out": outputs}


def layer(kind: str, **settings: object) -> dict[str, object]:
    return {"type": kind, **settings}


SEQUENCE = layer("unflatten", shape=[4, 3])
FLATTEN = layer("flatten")
RECURRENT = [
    layer(kind, **{"in": 3}, hidden=2, **settings)
    for kind in ("rnn", "lstm", "gru")
    for settings in (
        {},
        {"bias": False, "output": "last"},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "output": "last", "bias": False},
    )
]
RECURRENT.append(layer("rnn", **{"in": 3}, hidden=2, nonlinearity="relu", bidirectional=True))
ATTENTION = [
    layer("multihead_attention", embed_dim=4, num_heads=heads, **settings)
    for heads, settings in (
        (1, {}),
        (2, {"bias": False}),
        (4, {"causal": True}),
        (2, {"dropout": 0.4}),
        (2, {"dropout": 0.4, "causal": True}),
    )
]
ENCODERS = [
    layer("transformer_encoder_layer", d_model=4, nhead=2, dim_feedforward=5, **settings)
    for settings in (
        {"dropout": 0.0},
        {"dropout": 0.3, "activation": "gelu"},
        {"dropout": 0.3, "norm_first": True, "causal": True, "layer_norm_eps": 0.1},
    )
]
NORMS = [
    layer("layer_norm", normalized_shape=[3]),
    layer("layer_norm", normalized_shape=[4, 3], eps=0.01),
    layer("layer_norm", normalized_shape=[3], bias=False),
    layer("layer_norm", normalized_shape=[4, 3], elementwise_affine=False),
]
ACTIVATIONS = [
    layer("gelu"),
    layer("gelu", approximate="tanh"),
    layer("hardtanh", min_val=-0.3, max_val=0.4),
    layer("relu6"),
    layer("hardsigmoid"),
    layer("hardswish"),
    layer("softmax"),
    layer("log_softmax"),
]


def features(graph: Graph) -> int:
    """How many numbers the last node gives for a row."""
    return int(np.prod(graph.nodes[graph.output].shape))


def closed(layers: Layers, columns: int = 12) -> Graph:
    """The layers, and behind them all outputs in a row through one linear layer."""
    outputs = features(network([*layers, FLATTEN], columns))
    return network([*layers, FLATTEN, linear(outputs, 2)], columns)


MODELS: dict[str, Layers] = {
    **{f"{number} {case['type']}": [SEQUENCE, linear(3, 3), case] for number, case in enumerate(RECURRENT)},
    **{f"{number} {case['type']}": [SEQUENCE, linear(3, 4), case] for number, case in enumerate(ATTENTION)},
    **{f"{number} {case['type']}": [SEQUENCE, linear(3, 4), case] for number, case in enumerate(ENCODERS)},
    **{f"{number} {case['type']}": [SEQUENCE, linear(3, 3), case] for number, case in enumerate(NORMS)},
    **{f"{number} {case['type']}": [SEQUENCE, linear(3, 3), case] for number, case in enumerate(ACTIVATIONS)},
    "residual": [SEQUENCE, linear(3, 3), layer("residual", layers=[linear(3, 3), layer("tanh")])],
    "residual twice": [
        SEQUENCE,
        linear(3, 3),
        layer("residual", layers=[layer("residual", layers=[layer("tanh"), linear(3, 3)])]),
    ],
    "residual of nothing": [linear(12, 5), layer("residual", layers=[layer("identity")])],
    "concat": [
        SEQUENCE,
        linear(3, 3),
        layer("concat", dim=2, branches=[[], [layer("tanh")], [linear(3, 2)], [layer("identity")]]),
    ],
    "concat of positions": [
        SEQUENCE,
        linear(3, 3),
        layer("concat", branches=[[layer("silu")], [linear(3, 3)]]),
    ],
    "images beside and around images": [
        layer("unflatten", shape=[1, 3, 4]),
        layer("conv2d", **{"in": 1, "out": 2}, kernel_size=2),
        layer(
            "residual",
            layers=[layer("conv2d", **{"in": 2, "out": 2}, kernel_size=3, padding=1), layer("gelu")],
        ),
        layer(
            "concat", branches=[[], [layer("conv2d", **{"in": 2, "out": 1}, kernel_size=1)], [layer("relu6")]]
        ),
        layer("softmax"),
        layer("layer_norm", normalized_shape=[2, 3]),
    ],
    "sequential": [layer("sequential", layers=[linear(12, 4), [layer("relu")]])],
    "images as sequences": [
        layer("unflatten", shape=[1, 3, 4]),
        layer("conv2d", **{"in": 1, "out": 2}, kernel_size=2),
        FLATTEN,
        layer("unflatten", shape=[4, 3]),
        layer("residual", layers=[layer("layer_norm", normalized_shape=[3]), linear(3, 3)]),
        layer("gru", **{"in": 3}, hidden=2),
        layer("multihead_attention", embed_dim=2, num_heads=1),
    ],
}


@pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS)
def test_gradients(layers: Layers) -> None:
    assert Model(closed(layers), loss("mse"), rows=3).worst_error() < TOLERANCE


LAST: dict[str, Layers] = {
    **{str(case["type"]): [linear(12, 3), case] for case in ACTIVATIONS},
    "layer_norm": [linear(12, 3), layer("layer_norm", normalized_shape=[3])],
    "lstm": [SEQUENCE, layer("lstm", **{"in": 3}, hidden=3, output="last")],
    "gru": [SEQUENCE, layer("gru", **{"in": 3}, hidden=2, output="last", bidirectional=True)],
    "residual": [linear(12, 3), layer("residual", layers=[layer("tanh"), linear(3, 3)])],
    "concat": [layer("concat", branches=[[linear(12, 2)], [linear(12, 1), layer("gelu")]])],
}


@pytest.mark.parametrize("layers", LAST.values(), ids=LAST)
def test_gradients_of_what_comes_last(layers: Layers) -> None:
    """There the output lies in memory as the loss wishes."""
    assert Model(network(layers, 12), loss("cross_entropy"), rows=5).worst_error() < TOLERANCE


@pytest.mark.parametrize("layers", [*MODELS.values(), *LAST.values()])
def test_shared_arrays_alter_nothing(layers: Layers) -> None:
    """In evaluation, every node in an array of its own gives the bits of arrays shared where they can be.

    And the gradient is that of central differences there too.
    """
    graph = closed(layers)
    model = Model(graph, loss("mse"), rows=3)
    results = []
    for keep_all in (False, True):
        program = Program(graph, 3, model.parameters, Options(keep_all=keep_all))
        gradient = np.full(graph.size, np.nan)
        calls = program.differentiate(np.ones((3, 2)), gradient).calls
        program.x[...] = model.plan.x
        with np.errstate(all="ignore"):
            for call in (*program.forward, *calls):
                call()
        results.append((program.output.tobytes(), gradient.tobytes()))
    assert results[0] == results[1]

    line = np.random.default_rng(5).choice([-1.0, 1.0], graph.size)
    start, sums = model.parameters.flat.copy(), []
    for sign in (1, -1):
        model.parameters.flat[:] = start + sign * STEP * line
        with np.errstate(all="ignore"):
            for call in program.forward:
                call()
        sums.append(float(program.output.sum()))
    slope = (sums[0] - sums[1]) / (2 * STEP)
    assert gradient @ line == pytest.approx(slope, rel=1e-6, abs=1e-6)


EMBEDDING = [layer("embedding", num_embeddings=5, embedding_dim=3, padding_idx=2), layer("tanh")]


def tokens(graph: Graph) -> Model:
    """A model whose inputs are whole numbers, some of them twice in a row."""
    model = Model(graph, loss("mse"), rows=6)
    model.plan.x[...] = np.random.default_rng(2).integers(0, 5, model.plan.x.shape)
    return model


def test_gradients_of_an_embedding() -> None:
    """All rows have the slope of central differences, but that of padding_idx, which has none."""
    model = tokens(closed(EMBEDDING, columns=4))
    gradient = model.gradient()
    padding = np.zeros(model.graph.size, bool)
    padding[6:9] = True

    assert (gradient[padding] == 0).all()
    for place in np.flatnonzero(~padding)[:20]:
        line = np.eye(model.graph.size)[place]
        assert model.difference(line) == pytest.approx(gradient[place], rel=1e-6, abs=1e-8)


def test_the_gradient_of_an_embedding_has_the_same_bits_each_time() -> None:
    model = tokens(closed(EMBEDDING, columns=4))

    assert len({model.gradient().tobytes() for _ in range(5)}) == 1


def test_an_embedding_of_one_number_for_each_row() -> None:
    graph = network([layer("unflatten", shape=[1, 1]), *EMBEDDING, FLATTEN, linear(3, 2)], 1)

    assert graph.nodes[3].shape == (1, 1, 3)
    assert tokens(graph).value() > 0


def outputs_of(layers: Layers, x: np.ndarray) -> np.ndarray:
    """What layers give for `x` (rows, columns), outside training."""
    graph = network(layers, x.shape[1])
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(seed=3)
    program = Program(graph, len(x), parameters, Options())
    program.x[...] = x
    with np.errstate(all="ignore"):
        for call in program.forward:
            call()
    return program.output.copy()


@pytest.mark.parametrize("case", [ATTENTION[2], ENCODERS[2]], ids=["attention", "encoder layer"])
def test_a_causal_layer_does_not_look_ahead(case: dict[str, object]) -> None:
    x = np.random.default_rng(1).normal(size=(2, 12))
    later = x.copy()
    later[:, 6:] += 1.0
    before, after = (outputs_of([SEQUENCE, linear(3, 4), case], rows) for rows in (x, later))

    assert (before[:, :2] == after[:, :2]).all()
    assert (before[:, 2:] != after[:, 2:]).all()


def test_softmax_of_large_numbers() -> None:
    x = np.array([[1e4, -1e4, 9999.0], [-700.0, -701.0, 800.0]])
    expected = np.array([[1 / (1 + np.exp(-1)), 0.0, 1 / (1 + np.exp(1))], [0.0, 0.0, 1.0]])
    same = layer("concat", branches=[[], [linear(3, 1)]])

    shares = outputs_of([layer("softmax"), same], x)[:, :3]
    logarithms = outputs_of([layer("log_softmax"), same], x)[:, :3]

    assert shares == pytest.approx(expected, rel=1e-12)
    assert np.exp(logarithms) == pytest.approx(expected, rel=1e-12)
    assert logarithms[1] == pytest.approx([-1500.0, -1501.0, 0.0])


def test_dropout_of_attention_follows_step_and_shard() -> None:
    model = Model(closed([SEQUENCE, linear(3, 4), ATTENTION[3]]), loss("mse"), rows=3)
    seen = []
    for place in ((0, 0), (1, 0), (0, 1), (0, 0)):
        model.plan.at(*place)
        model.plan.run()
        seen.append(model.partial.tobytes())

    assert seen[0] == seen[3]
    assert len(set(seen)) == 3
