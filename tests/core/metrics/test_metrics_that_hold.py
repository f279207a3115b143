"""Metrics of awkward columns against exact arithmetic: far from 0, constant, hardly spread, huge, long."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.dataset import Part
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.evaluation import EVALUATION_ROWS, EvaluationWork
from lockstep.core.learning.report import Report
from lockstep.core.metrics import tally_of
from lockstep.core.metrics.ranks import odds
from lockstep.core.metrics.spread import spread_of
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.submission import resolve
from tests.core.learning.test_training_together import STEPS_ALONE, Meeting
from tests.core.learning.training_jobs import training
from tests.gradcheck import loss, spec_of
from tests.ranks import run_ranks

WHOLE = EVALUATION_ROWS
RANDOM = np.random.default_rng(3)


def column(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def uneven(rows: int) -> np.ndarray:
    return RANDOM.standard_normal(rows)


PLACES = np.array([0, 1e9, -1e6, 3])
COLUMNS: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "a constant, missed": (column([0.1] * 10), column([0.2] * 10)),
    "a constant, met": (column([0.1] * 10), column([0.1] * 10)),
    "a constant, missed by the last bit": (column([0.1] * 10), column([math.nextafter(0.1, 1)] * 10)),
    "a long constant": (column([0.1] * 1000), column([0.3] * 1000)),
    "far from 0": (column(1.7e9 + np.arange(10)), column(1.7e9 + np.arange(10) + 0.5)),
    "farther": (column(1e15 + np.arange(300)), column(1e15 + np.arange(300) + uneven(300))),
    "far and long": (column(-1.7e9 + np.arange(900) % 7), column(-1.7e9 + np.arange(900) % 5)),
    "hardly spread": (column(1 + 1e-12 * uneven(50)), column(1 + 1e-12 * uneven(50))),
    "one outlier": (column([1e8, *uneven(400)]), column([1e8 + 1, *uneven(400)])),
    "large": (column(1e150 * uneven(300)), column(1e150 * uneven(300))),
    "huge": (column(1e200 * uneven(300)), column(1e200 * uneven(300))),
    "the largest": (column([1.7e308, -1.7e308, 1.0]), column([1.6e308, -1.7e308, 0.0])),
    "small": (column(1e-100 * uneven(300)), column(1e-100 * uneven(300))),
    "two rows": (column([1.0, 2.0]), column([1.5, 1.5])),
    "whole chunks": (column(uneven(2 * WHOLE) + 1e6), column(uneven(2 * WHOLE) + 1e6)),
    "several columns": (uneven(1200).reshape(300, 4) + PLACES, uneven(1200).reshape(300, 4) + PLACES),
    "some constant": (
        np.column_stack([uneven(30), np.full(30, 0.7)]),
        np.column_stack([uneven(30), np.full(30, 0.6)]),
    ),
}
"""Targets, then outputs, both (rows, columns)."""


def exact(y: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """By fractions, column by column; r2 as scikit-learn's r2_score has it."""
    rows, count = len(y), y.size
    absolute = squared = Fraction(0)
    r2 = []
    for targets, outputs in zip(y.T.tolist(), output.T.tolist(), strict=True):
        pairs = [(Fraction(a), Fraction(b)) for a, b in zip(targets, outputs, strict=True)]
        mean = sum((a for a, _ in pairs), Fraction(0)) / rows
        spread = sum(((a - mean) ** 2 for a, _ in pairs), Fraction(0))
        error = sum(((a - b) ** 2 for a, b in pairs), Fraction(0))
        absolute += sum((abs(a - b) for a, b in pairs), Fraction(0))
        squared += error
        r2.append(1 - error / spread if spread else Fraction(int(not error)))
    mean_square = squared / count
    shift = max(0, (mean_square.numerator.bit_length() - mean_square.denominator.bit_length()) // 2)
    return {
        "mae": float(absolute / count),
        "rmse": math.ldexp(math.sqrt(mean_square / Fraction(4) ** shift), shift),
        "r2": float(sum(r2, Fraction(0)) / len(r2)),
    }


def work(y: np.ndarray, dtype: str = "float64", **changes: Any) -> EvaluationWork:
    """Of the model that gives its inputs, whose inputs are `output`."""
    output = changes.pop("output")
    columns = y.shape[1]
    model = {
        "layers": [{"type": "identity"}, {"type": "linear", "in": columns, "out": columns, "bias": False}]
    }
    spec = resolve(spec_of(model, dtype=dtype, loss="mae", **changes), lambda: 0)
    graph = build_graph(spec.model, columns)
    parameters = Parameters(graph, np.dtype(dtype))
    parameters.flat[:] = np.eye(columns).ravel()
    return EvaluationWork(spec, graph, parameters, Part(x=output.astype(dtype), y=y.astype(dtype)))


@pytest.mark.parametrize("name", COLUMNS)
def test_of_values(name: str) -> None:
    y, output = COLUMNS[name]
    with np.errstate(all="ignore"):
        found = work(y, output=output).measure(all_metrics=True).metrics

    expected = exact(y, output)
    assert found["r2"] == pytest.approx(expected["r2"], rel=1e-9, abs=1e-9)
    assert found["mae"] == pytest.approx(expected["mae"], rel=1e-12)
    assert found["rmse"] == pytest.approx(expected["rmse"], rel=1e-12)


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - {"large", "huge", "the largest", "small"}))
def test_of_values_in_float32(name: str) -> None:
    """Targets and outputs are rounded when the data are read; what follows from them is not."""
    y, output = (array.astype(np.float32) for array in COLUMNS[name])
    found = work(y, "float32", output=output).measure(all_metrics=True).metrics

    assert found["r2"] == pytest.approx(exact(y, output)["r2"], rel=1e-9, abs=1e-9)


def test_the_two_that_were_seen() -> None:
    with np.errstate(all="ignore"):
        found = {
            name: work(COLUMNS[name][0], output=COLUMNS[name][1]).metrics(SoloGroup())["r2"]
            for name in ("a constant, missed", "far from 0")
        }

    assert found == {"a constant, missed": 0.0, "far from 0": pytest.approx(0.9696969697, abs=1e-10)}


@pytest.mark.parametrize("rows", [1, 2, 9, 256, 257, 5000])
@pytest.mark.parametrize("value", [0.1, -1e300, 1 / 3, 5e-324, 0.0])
def test_equal_targets_have_no_spread_at_all(value: float, rows: int) -> None:
    assert spread_of(np.full((rows, 2), value)).squares.tolist() == [0.0, 0.0]


FAR: dict[str, Any] = {
    "model": {"layers": [{"type": "linear", "in": 1, "out": 2}], "initial_weights": {"0.bias": [1.7e9, 0.1]}},
    "data": {
        "inline": {
            "x": uneven(1400).tolist(),
            "y": np.stack([1.7e9 + np.arange(1400) % 7, np.full(1400, 0.1)], axis=1).tolist(),
        },
        "validation_fraction": 0.5,
    },
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 0.001},
    "dtype": "float64",
    "epochs": 60,
    "batch_size": 100,
    "shards": 4,
    "seed": 2,
}
NAMES = ("validation_r2", "validation_rmse", "validation_mae")


class Told(Meeting):
    """A lead that keeps what it was told of each epoch."""

    def lead(self) -> str:
        self.told: dict[str, list[float]] = {name: [] for name in NAMES}
        trained = training(self.raw, self._lead)
        self._tell(trained.advance(STEPS_ALONE))
        self.wait_for_helpers()
        while not trained.finished:
            self._tell(trained.advance(1 if self.joined < self.helpers else 7))
        self._lead.close("done")
        return ""

    def _tell(self, report: Report) -> None:
        for name in NAMES:
            self.told[name] += report.series[name].values.tolist() if name in report.series else []


@pytest.mark.parametrize("helpers", [1, 2])
def test_the_same_bits_for_any_number_of_members(helpers: int) -> None:
    alone = training(FAR).advance(1000).series
    meeting = Told(FAR, helpers)

    run_ranks([meeting.lead, *[meeting.follow] * helpers], seconds=40)

    assert meeting.joined == helpers
    assert meeting.told == {name: alone[name].values.tolist() for name in NAMES}
    assert len(meeting.told["validation_r2"]) == 60


def test_a_model_that_gives_no_numbers_has_no_r2() -> None:
    y, output = column([1.0] * 4), column([math.nan] * 4)

    assert math.isnan(work(y, output=output).metrics(SoloGroup())["r2"])


def test_no_number_is_never_among_the_largest() -> None:
    top = spec_of({"layers": [{"type": "relu"}]}, metrics=[{"type": "top_k_accuracy", "k": 2}]).metrics
    tally = tally_of(loss("cross_entropy"), top, (3,))
    sums = np.zeros(tally.width)
    outputs = np.array([[math.nan] * 3, [0.0, math.nan, 1.0], [3.0, 2.0, 1.0]])
    tally.add(outputs, np.array([0, 2, 1]), sums)

    found = tally.metrics(sums, 3, ["top_2_accuracy"])

    assert found == {"top_2_accuracy": pytest.approx(2 / 3)}


def by_pairs(scores: Sequence[Fraction], positive: np.ndarray) -> float:
    """The share of the pairs of a positive and a negative in the right order, ties half."""
    yes = [score for score, is_positive in zip(scores, positive, strict=True) if is_positive]
    no = [score for score, is_positive in zip(scores, positive, strict=True) if not is_positive]
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no)
    return won / (len(yes) * len(no))


def test_two_classes_are_told_apart_far_from_zero() -> None:
    """Logits of float32 whose difference float32 can't hold."""
    y = np.arange(40) % 2
    outputs = np.stack([np.full(40, 0.3), 1e6 + 0.0625 * RANDOM.integers(0, 30, 40)], axis=1).astype(
        np.float32
    )
    exactly = [Fraction(float(b)) - Fraction(float(a)) for a, b in outputs]

    found = tally_of(loss("cross_entropy"), None, (2,)).of_outputs(outputs, y)
    assert found == {"roc_auc": by_pairs(exactly, y == 1)}


@pytest.mark.parametrize("size", [1.0, 40.0, 1000.0, 1e5])
def test_sure_classes_are_told_apart(size: float) -> None:
    """Where softmax rounds to 0 and 1, its odds still say who is surer."""
    outputs = size * RANDOM.standard_normal((60, 3))
    y = RANDOM.integers(0, 3, 60)
    areas = []
    for number in range(3):
        rest = np.delete(outputs, number, axis=1)
        top = rest.max(axis=1)
        score = outputs[:, number] - top - np.log(np.exp(rest - top[:, np.newaxis]).sum(axis=1))
        areas.append(by_pairs([Fraction(float(each)) for each in score], y == number))

    found = tally_of(loss("multi_margin"), None, (3,)).of_outputs(outputs, y)
    assert found == {"roc_auc": pytest.approx(np.mean(areas), abs=1e-9)}


def test_odds() -> None:
    logits = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0], [-np.inf, 0.0, -np.inf]])
    shares = np.exp(logits[:2]) / np.exp(logits[:2]).sum(axis=1, keepdims=True)

    with np.errstate(divide="ignore"):
        found = odds(logits)

    np.testing.assert_allclose(found[:2], np.log(shares / (1 - shares)), rtol=1e-12)
    assert found[2].tolist() == [-np.inf, np.inf, -np.inf]
