"""Predictions."""

import json
import math

import numpy as np
import pytest

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.ground.errors import InvalidData
from lockstep.core.learning.inference import CHUNK_ROWS, Predictor
from lockstep.core.model.encoding import Json
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission import resolve
from tests.gradcheck import spec_of

LINE: dict[str, object] = {"expression": "a*x + b", "parameters": {"a": 0, "b": 0}}
WEIGHTS = {"0.weight": np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), "0.bias": np.array([0.0, 0.5, -1.0])}


def spec(model: dict[str, object], **changes: object) -> ResolvedSpec:
    return resolve(spec_of(model, **changes), lambda: 7)


def line() -> Predictor:
    weights = {"a": np.array(2.00000078438591), "b": np.array(3.9999987308369374)}
    return Predictor(spec(LINE), weights, Preprocessing())


def classifier(loss: str, preprocessing: Preprocessing | None = None) -> Predictor:
    model: dict[str, object] = {"layers": [{"type": "linear", "in": 2, "out": 3}]}
    data = {"inline": {"x": [[1, 2]], "y": [1]}}
    wanted = spec(model, loss=loss, data=data, dtype="float64")
    return Predictor(wanted, WEIGHTS, preprocessing or Preprocessing())


def test_a_line_comes_back_flat() -> None:
    assert line().predict([3]) == {"y": [10.000001083994668]}
    assert line().predict([[3.0], [0]]) == {"y": [10.000001083994668, 3.9999987308369374]}


def test_several_outputs_come_back_as_rows() -> None:
    assert classifier("mse").predict([[1, 2], [0, 0]]) == {"y": [[1.0, 4.5, 2.0], [0.0, 0.5, -1.0]]}


def test_a_classifier_gives_probabilities_and_labels() -> None:
    answer = classifier("cross_entropy").predict([[1, 2], [3, 0]])

    shares = [math.exp(1.0), math.exp(4.5), math.exp(2.0)]
    first = answer["probabilities"]
    assert isinstance(first, list)
    assert first[0] == pytest.approx([share / sum(shares) for share in shares])
    assert answer["labels"] == [1, 0]
    assert json.dumps(answer["labels"]) == "[1, 0]"


def test_yes_or_no_gives_probabilities_and_labels() -> None:
    weights = {"a": np.array(1.0), "b": np.array(-2.0)}
    answer = Predictor(spec(LINE, loss="binary_cross_entropy"), weights, Preprocessing()).predict([0, 2, 4])

    assert answer == {
        "y": [-2.0, 0.0, 2.0],
        "probabilities": pytest.approx([0.1192029, 0.5, 0.8807971]),
        "labels": [0, 1, 1],
    }


@pytest.mark.parametrize("loss", ["nll", "kl_div"])
def test_log_probabilities_give_probabilities(loss: str) -> None:
    answer = classifier(loss).predict([[-3, 0.25]])

    shares = answer["probabilities"]
    assert isinstance(shares, list)
    assert shares[0] == pytest.approx([math.exp(-3.0), math.exp(1.0), math.exp(-3.75)])
    assert answer["labels"] == [1]


def test_margins_give_labels_alone() -> None:
    assert classifier("multi_margin").predict([[3, 0]]) == {"y": [[3.0, 0.5, 2.0]], "labels": [0]}
    weights = {"a": np.array(1.0), "b": np.array(-2.0)}
    answer = Predictor(spec(LINE, loss="hinge"), weights, Preprocessing()).predict([0, 2, 4])
    assert answer == {"y": [-2.0, 0.0, 2.0], "labels": [0, 1, 1]}


def test_sequences_have_a_label_for_each_place() -> None:
    layers = [{"type": "unflatten", "shape": [2, 1]}, {"type": "linear", "in": 1, "out": 2}]
    data = {"inline": {"x": [[1, 2]], "y": [[1, 0]]}}
    wanted = spec({"layers": layers}, loss="cross_entropy", data=data, dtype="float64")
    weights = {"1.weight": np.array([[1.0], [-1.0]]), "1.bias": np.zeros(2)}

    answer = Predictor(wanted, weights, Preprocessing()).predict([[1, -1], [2, 3]])

    assert answer["y"] == [[[1.0, -1.0], [-1.0, 1.0]], [[2.0, -2.0], [3.0, -3.0]]]
    assert answer["labels"] == [[0, 1], [0, 0]]


def test_inputs_are_prepared_as_in_training() -> None:
    preprocessing = Preprocessing(mean=np.array([1.0, 2.0]), scale=np.array([2.0, 4.0]))

    assert classifier("mse", preprocessing).predict([[3, 6]]) == classifier("mse").predict([[1, 1]])


def test_an_overflow_is_spelled_out() -> None:
    weights = {"a": np.array(1e308), "b": np.array(0.0)}

    assert Predictor(spec(LINE), weights, Preprocessing()).predict([100, -100, 0]) == {
        "y": ["Infinity", "-Infinity", 0.0]
    }


def test_a_rows_prediction_does_not_depend_on_how_many_come_after() -> None:
    rows = np.random.default_rng(0).standard_normal((2 * CHUNK_ROWS + 3, 2)).tolist()
    predictor = classifier("cross_entropy")
    whole = predictor.predict(rows)["y"]
    assert isinstance(whole, list)

    for count in (1, 2, CHUNK_ROWS, CHUNK_ROWS + 1):
        assert predictor.predict(rows[:count])["y"] == whole[:count]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], "got an empty list"),
        ([[]], "got an empty list"),
        (["a"], "not a number"),
        ([None], "not a number"),
        ([True], "not a number"),
        ([[1, 2]], "expected numbers, got an array of 1 x 2"),
        ([1, [2]], "different lengths"),
        ([math.nan], "NaN or infinity"),
        ([10**400], "not a number"),
    ],
)
def test_rows_that_do_not_fit_are_refused(x: list[object], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        line().predict(x)


@pytest.mark.parametrize("x", [[1, 2], [[1, 2, 3]], [[[1, 2]]]])
def test_rows_of_another_width_are_refused(x: list[Json]) -> None:
    with pytest.raises(InvalidData, match="expected rows of 2 numbers"):
        classifier("mse").predict(x)


def test_weights_of_another_model_are_refused() -> None:
    with pytest.raises(InvalidData, match="lack"):
        Predictor(spec(LINE), {"a": np.array(1.0)}, Preprocessing())


def test_images_come_flat_or_nested() -> None:
    layers = [
        {"type": "unflatten", "shape": [2, 1, 3]},
        {"type": "batch_norm_2d", "num_features": 2, "affine": False},
        {"type": "dropout"},
        {"type": "conv2d", "in": 2, "out": 1, "kernel_size": [1, 3]},
        {"type": "flatten"},
    ]
    data = {"inline": {"x": [[0] * 6, [1] * 6], "y": [0, 1]}}
    wanted = spec({"layers": layers}, data=data, dtype="float64")
    weights = {
        "1.running_mean": np.array([1.0, 2.0]),
        "1.running_var": np.full(2, 4.0 - 1e-5),
        "1.num_batches_tracked": np.array(5),
        "3.weight": np.arange(6.0).reshape(1, 2, 1, 3),
        "3.bias": np.array([0.5]),
    }
    predictor = Predictor(wanted, weights, Preprocessing())
    rows = np.arange(6.0 * 40).reshape(40, 6)

    flat, nested = predictor.predict(rows.tolist()), predictor.predict(rows.reshape(40, 2, 1, 3).tolist())

    shifted = (rows.reshape(40, 2, 3) - np.array([[1.0], [2.0]])) / 2
    assert flat == nested
    expected = (shifted * weights["3.weight"][:, :, 0]).sum((1, 2)) + 0.5
    assert flat["y"] == pytest.approx(expected.tolist())
    with pytest.raises(InvalidData, match="40 x 3 x 1 x 2"):
        predictor.predict(rows.reshape(40, 3, 1, 2).tolist())


@pytest.mark.parametrize(
    ("loss", "width"),
    [
        ("cross_entropy", 3),
        ("nll", 3),
        ("multi_margin", 3),
        ("binary_cross_entropy", 1),
        ("hinge", 1),
    ],
)
def test_a_nan_has_no_label(loss: str, width: int) -> None:
    """Where a weight is so large that one row's outputs are inf - inf, the other rows keep their labels."""
    model: dict[str, object] = {
        "layers": [{"type": "linear", "in": 2, "out": 2}, {"type": "linear", "in": 2, "out": width}]
    }
    wanted = spec(model, loss=loss, data={"inline": {"x": [[1, 2]], "y": [1]}}, dtype="float64")
    weights = {
        "0.weight": np.full((2, 2), 1e300),
        "0.bias": np.zeros(2),
        "1.weight": np.tile([1.0, -1.0], (width, 1)),
        "1.bias": np.zeros(width),
    }

    answer = Predictor(wanted, weights, Preprocessing()).predict([[1e300, 1e300], [0, 0]])

    y = answer["y"]
    assert isinstance(y, list)
    assert y[0] in ("NaN", ["NaN"] * 3)
    assert answer["labels"] in ([None, 0], [None, 1])
    assert "label_names" not in answer


def test_labels_are_named_where_the_data_have_names() -> None:
    model: dict[str, object] = {"layers": [{"type": "linear", "in": 4, "out": 3}]}
    wanted = spec(model, loss="cross_entropy", data={"builtin": "iris"}, dtype="float64")
    weights = {"0.weight": np.eye(3, 4) * np.array([[1.0], [1.0], [np.nan]]), "0.bias": np.zeros(3)}
    named = {"0.weight": np.eye(3, 4), "0.bias": np.zeros(3)}

    lost = Predictor(wanted, weights, Preprocessing()).predict([[1, 0, 0, 0]])
    found = Predictor(wanted, named, Preprocessing()).predict([[1, 0, 0, 0], [0, 0, 1, 0]])

    assert (lost["labels"], lost["label_names"]) == ([None], [None])
    assert (found["labels"], found["label_names"]) == ([0, 2], ["setosa", "virginica"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardized", [True, False])
@pytest.mark.parametrize("value", [1e308, -1e308, 1.7e308, 1e39, 5e-324])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_what_leaves_the_range_of_numbers_warns_nobody(
    dtype: str, standardized: bool, value: float, loss: str
) -> None:
    model: dict[str, object] = {"layers": [{"type": "linear", "in": 2, "out": 3}]}
    rows: list[object] = [1] if loss == "cross_entropy" else [[1, 2, 3]]
    wanted = spec(model, loss=loss, data={"inline": {"x": [[1, 2]], "y": rows}}, dtype=dtype)
    before = Preprocessing(mean=np.array([-1.7e308, 0.0]), scale=np.array([1e-3, 1e-300]))
    predictor = Predictor(wanted, WEIGHTS, before if standardized else Preprocessing())

    assert "y" in predictor.predict([[value, -value]])
