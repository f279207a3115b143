"""Parameters: views of one vector, state_dict layout, starts, and the digest."""

import hashlib

import numpy as np
import pytest

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.build import build_graph, initial_weights
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters, weights_sha256
from lockstep.core.spec import TrainSpec
from tests.gradcheck import formula, network, spec_of

LAYERS: list[object] = [
    {"type": "linear", "in": 4, "out": 3},
    [{"type": "relu"}, {"type": "linear", "in": 3, "out": 2, "bias": False}],
]
SHAPES = {"0.weight": (3, 4), "0.bias": (3,), "1.1.weight": (2, 3)}


def graph() -> Graph:
    return network(LAYERS, 4)


def test_names_and_shapes_are_those_of_a_state_dict() -> None:
    parameters = Parameters(graph(), np.dtype("float32"))

    exported = parameters.export()

    assert {name: array.shape for name, array in exported.items()} == SHAPES
    assert parameters.flat.shape == (12 + 3 + 6,)
    assert parameters.views["0.weight"].shape == (4, 3)
    assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in exported.values())


def test_what_is_loaded_is_exported() -> None:
    parameters = Parameters(graph(), np.dtype("float64"))
    weights = {name: np.random.default_rng(1).standard_normal(shape) for name, shape in SHAPES.items()}

    parameters.load(weights)

    assert all(np.array_equal(array, weights[name]) for name, array in parameters.export().items())
    np.testing.assert_array_equal(parameters.views["0.weight"], weights["0.weight"].T)


def test_exports_are_copies() -> None:
    parameters = Parameters(formula("a*x", {"a": 2.0}), np.dtype("float64"))
    parameters.initialize(0)

    parameters.export()["a"][...] = 9.0

    assert parameters.flat.tolist() == [2.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"2.weight": np.zeros(1)}, r"2\.weight"),
        ({"0.bias": np.zeros(4)}, r"expected 0\.bias of shape \(3,\), got shape \(4,\)"),
        ({"0.weight": np.zeros((4, 3))}, r"0\.weight of shape \(3, 4\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    weights = {name: np.zeros(shape) for name, shape in SHAPES.items()} | change

    with pytest.raises(InvalidData, match=message):
        Parameters(graph(), np.dtype("float32")).load(weights)


def test_missing_weights_are_refused() -> None:
    with pytest.raises(InvalidData, match=r"lack \['0\.bias', '1\.1\.weight'\]"):
        Parameters(graph(), np.dtype("float32")).load({"0.weight": np.zeros((3, 4))})


def test_a_start_follows_from_seed_and_name() -> None:
    first, again, other = (Parameters(graph(), np.dtype("float64")) for _ in range(3))
    first.initialize(5)
    again.initialize(5)
    other.initialize(6)

    assert first.flat.tobytes() == again.flat.tobytes()
    assert not np.isin(first.flat, other.flat).any()
    for name, array in first.export().items():
        bound = 1 / np.sqrt(3 if name == "1.1.weight" else 4)
        assert np.abs(array).max() < bound
        assert np.abs(array).max() > bound / 3


def test_both_dtypes_start_alike() -> None:
    single, double = Parameters(graph(), np.dtype("float32")), Parameters(graph(), np.dtype("float64"))
    single.initialize(5)
    double.initialize(5)

    assert single.flat.tolist() == double.flat.astype(np.float32).tolist()


def test_named_starts_replace_the_drawn_ones() -> None:
    model = {"layers": LAYERS, "initial_weights": {"0.bias": [1, 2, 3]}}
    spec: TrainSpec = spec_of(model)
    drawn, named = (Parameters(build_graph(spec.model, 4), np.dtype("float32")) for _ in range(2))
    drawn.initialize(5)
    named.initialize(5, initial_weights(spec.model))

    assert named.views["0.bias"].tolist() == [1.0, 2.0, 3.0]
    assert named.views["0.weight"].tobytes() == drawn.views["0.weight"].tobytes()


def test_a_formula_knows_its_start() -> None:
    model = {"expression": "b*x + a", "parameters": {"b": -1.5, "a": 4}}
    spec = spec_of(model)
    parameters = Parameters(build_graph(spec.model, 1), np.dtype("float64"))

    parameters.initialize(0, initial_weights(spec.model))

    assert {name: float(array) for name, array in parameters.export().items()} == {"a": 4.0, "b": -1.5}


def test_digest_is_the_documented_one() -> None:
    weights = {"b": np.array(2.5), "a.w": np.array([[1, 2], [3, 4]], "float32")}
    data = b"a.w\0float32\x002,2\0" + np.array([1, 2, 3, 4], "<f4").tobytes()
    data += b"b\0float64\0\0" + np.array(2.5, "<f8").tobytes()

    assert weights_sha256(weights) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "changed", [np.zeros((2, 3)).T, np.zeros((3, 2), ">f8"), np.zeros((3, 2), order="F")]
)
def test_digest_looks_at_numbers_not_at_memory(changed: np.ndarray) -> None:
    assert weights_sha256({"w": changed}) == weights_sha256({"w": np.zeros((3, 2))})


def test_digest_tells_names_shapes_dtypes_and_values_apart() -> None:
    base = np.arange(6.0).reshape(2, 3)
    variants = [
        {"w": base},
        {"v": base},
        {"w": base.reshape(3, 2)},
        {"w": base.astype("f4")},
        {"w": base + 1},
    ]

    assert len({weights_sha256(weights) for weights in variants}) == len(variants)


def test_flat_vector_is_aligned() -> None:
    assert Parameters(graph(), np.dtype("float32")).flat.ctypes.data % 64 == 0
