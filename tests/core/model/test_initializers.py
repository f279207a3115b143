"""Where parameters start, against what torch.nn.init promises."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.model.build import build_graph
from lockstep.core.model.initializers import INITIALIZERS, NEEDS, AnyInitializer, InitializerSpec, chosen_for
from lockstep.core.model.initializers.fixed import OnesStart
from lockstep.core.model.initializers.gains import gain_of
from lockstep.core.model.initializers.scaled import fans
from lockstep.core.model.parameters import Parameters
from tests.core.learning.training_jobs import DIGITS, resolved

ADAPTER: TypeAdapter[InitializerSpec] = TypeAdapter(AnyInitializer)
SHAPE = (60, 20, 3, 3)
"""fan_in 180, fan_out 540."""


def initializer(kind: str, **settings: Any) -> InitializerSpec:
    return ADAPTER.validate_python({"type": kind, **settings})


def drawn(kind: str, shape: tuple[int, ...] = SHAPE, seed: int = 3, **settings: Any) -> np.ndarray:
    return initializer(kind, **settings).draw(shape, seed, "0.weight")


def test_fans() -> None:
    assert fans(SHAPE) == (180, 540)
    assert fans((10, 4)) == (4, 10)


def test_gains() -> None:
    assert gain_of("tanh") == 5 / 3
    assert gain_of("relu") == math.sqrt(2)
    assert gain_of("selu") == 0.75
    assert gain_of("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert gain_of("sigmoid") == gain_of("linear") == gain_of(1.0)


@pytest.mark.parametrize(
    ("kind", "settings", "bound"),
    [
        ("uniform", {"a": -0.3, "b": 0.3}, 0.3),
        ("xavier_uniform", {}, math.sqrt(6 / 720)),
        ("xavier_uniform", {"gain": "tanh"}, 5 / 3 * math.sqrt(6 / 720)),
        ("kaiming_uniform", {}, math.sqrt(6 / 180)),
        ("kaiming_uniform", {"a": math.sqrt(5)}, math.sqrt(1 / 180)),
        ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "linear"}, math.sqrt(3 / 540)),
    ],
)
def test_uniform_ones_fill_their_interval(kind: str, settings: dict[str, Any], bound: float) -> None:
    values = drawn(kind, **settings)

    assert 0.99 * bound < np.abs(values).max() <= bound
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    assert abs(values.mean()) < 0.05 * bound


@pytest.mark.parametrize(
    ("kind", "settings", "mean", "std"),
    [
        ("normal", {"mean": 2.0, "std": 0.5}, 2.0, 0.5),
        ("xavier_normal", {"gain": 2.0}, 0.0, 2 * math.sqrt(2 / 720)),
        ("kaiming_normal", {"nonlinearity": "relu"}, 0.0, math.sqrt(2 / 180)),
        ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "tanh"}, 0.0, 5 / 3 / math.sqrt(540)),
        ("trunc_normal", {}, 0.0, 0.87963),  # of a normal distribution cut at ±2
    ],
)
def test_normal_ones_have_their_moments(kind: str, settings: dict[str, Any], mean: float, std: float) -> None:
    values = drawn(kind, **settings)

    assert values.mean() == pytest.approx(mean, abs=0.05 * std)
    assert values.std() == pytest.approx(std, rel=0.03)


def test_trunc_normal_stays_inside() -> None:
    values = drawn("trunc_normal", mean=1.0, std=0.5, a=0.9, b=2.0)

    assert values.min() >= 0.9
    assert values.max() <= 2.0
    assert len(np.unique(values)) == values.size


def test_the_simple_ones() -> None:
    assert (drawn("constant", val=0.25) == 0.25).all()
    assert (drawn("ones") == 1).all()
    assert (drawn("zeros") == 0).all()
    assert drawn("eye", (2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("shape", [(5, 3, 3), (3, 5, 3, 3), (3, 3, 3, 1, 3)])
def test_dirac_passes_channels_on(shape: tuple[int, ...]) -> None:
    values = drawn("dirac", shape)

    assert values.sum() == min(shape[:2])
    for channel in range(min(shape[:2])):
        assert values[(channel, channel, *(length // 2 for length in shape[2:]))] == 1


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (4, 3, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn("orthogonal", shape, gain=3.0).reshape(shape[0], -1)

    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 9.0 * np.eye(len(product)), atol=1e-12)


def test_sparse_columns() -> None:
    values = drawn("sparse", (10, 200), sparsity=0.25, std=2.0)

    assert ((values == 0).sum(axis=0) == 3).all()
    assert values[values != 0].std() == pytest.approx(2.0, rel=0.1)
    assert len({tuple(column) for column in (values == 0).T}) > 50


SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("uniform", "normal", "trunc_normal", "ones", "zeros", "eye", "dirac")},
    **{name: {} for name in ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal")},
    "constant": {"val": 2.0},
    "orthogonal": {},
    "sparse": {"sparsity": 0.5},
}
FIXED = ("constant", "ones", "zeros", "eye", "dirac")


@pytest.mark.parametrize("name", INITIALIZERS)
def test_draws_follow_from_seed_and_name(name: str) -> None:
    assert name in SETTINGS, f"write settings of {name} into SETTINGS, and a test of what it draws"
    made = initializer(name, **SETTINGS[name])
    shape = (4, 5, 3)[: max(2, made.axes[0])]
    first = made.draw(shape, 1, "0.weight")

    assert first.shape == shape
    assert first.dtype == np.float64
    assert made.draw(shape, 1, "0.weight").tobytes() == first.tobytes()
    assert (made.draw(shape, 2, "0.weight").tobytes() == first.tobytes()) == (name in FIXED)
    assert (made.draw(shape, 1, "1.weight").tobytes() == first.tobytes()) == (name in FIXED)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_it_takes_as_many_axes_as_it_says(name: str) -> None:
    made = initializer(name, **SETTINGS[name])
    least, most = made.axes
    takes = [
        len(shape) for shape in [(4, 5, 3, 3, 2, 2)[:axes] for axes in range(7)] if not made.misfit(shape)
    ]

    assert takes == [axes for axes in range(7) if least <= axes <= most]
    for axes in takes:
        assert made.draw((4, 5, 3, 3, 2, 2)[:axes], 1, "w").shape == (4, 5, 3, 3, 2, 2)[:axes]


@pytest.mark.parametrize("need", NEEDS)
def test_an_initializer_that_lacks_a_part_is_refused_by_name(need: str) -> None:
    parts = {name: inspect.getattr_static(OnesStart, name) for name in NEEDS if name != need}

    with pytest.raises(IncompleteWord, match=f'the initializer "odd" is incomplete: give it `{need}`, '):
        Vocabulary("initializer", NEEDS, [("odd", type("Odd", (), parts))])


def test_whom_a_key_speaks_for() -> None:
    init = {key: ADAPTER.validate_python(key) for key in ("ones", "zeros")}
    init = {"weight": init["ones"], "bias": init["zeros"], "1.bias": init["ones"]}

    assert chosen_for(init, "0.weight", (2, 2)) == ("weight", init["weight"])
    assert chosen_for(init, "0.weight_ih_l0", (2, 2)) == ("weight", init["weight"])
    assert chosen_for(init, "0.bias_hh_l0", (2,)) == ("bias", init["bias"])
    assert chosen_for(init, "1.bias", (2,)) == ("1.bias", init["1.bias"])
    assert chosen_for(init, "2.weight", (2,)) is None  # of a norm layer


def test_a_model_starts_as_its_spec_says() -> None:
    model = DIGITS["model"] | {
        "init": {"weight": "xavier_normal", "bias": {"type": "constant", "val": 0.5}, "2.weight": "ones"},
        "initial_weights": {"2.bias": [0.25] * 10},
    }
    spec = resolved(DIGITS | {"model": model})
    parameters = Parameters(build_graph(spec.model, 64), np.dtype("float64"))
    parameters.initialize(spec.seed, {"2.bias": [0.25] * 10})

    weights = parameters.export()

    assert weights["0.weight"].std() == pytest.approx(math.sqrt(2 / 80), rel=0.1)
    assert (weights["0.bias"] == 0.5).all()
    assert (weights["2.weight"] == 1).all()
    assert (weights["2.bias"] == 0.25).all()
