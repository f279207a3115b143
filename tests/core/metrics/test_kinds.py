"""Every metric is whole, and is what its definition says, written again in plain loops."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.losses import LOSSES
from lockstep.core.metrics import METRICS, Tally, chosen, tally_of
from lockstep.core.metrics.base import Metric
from lockstep.core.metrics.counts import F1
from lockstep.core.metrics.kinds import NEEDS, AnyMetric
from tests.gradcheck import loss

Y = [0, 1, 1, 0, 1, 1, 0]
Z = [-1.5, 2.0, -0.25, 0.5, 1.0, 0.125, -2.0]
"""Targets of no and yes, and outputs that say yes from 0 on; as values they are far apart."""
PAIRS = list(zip(Y, Z, strict=True))


def counted(yes: int, said: int) -> int:
    return sum(y == yes and (z >= 0) == said for y, z in PAIRS)


def area() -> float:
    pairs = [(a > b) + (a == b) / 2 for y, a in PAIRS if y for other, b in PAIRS if not other]
    return sum(pairs) / len(pairs)


def squares() -> float:
    return sum((y - z) ** 2 for y, z in PAIRS)


RIGHT, WRONG, MISSED = counted(1, 1), counted(0, 1), counted(1, 0)
MEAN = sum(Y) / len(Y)
DEFINITIONS: dict[str, Callable[[], Any]] = {
    "accuracy": lambda: (RIGHT + counted(0, 0)) / len(Y),
    "precision": lambda: RIGHT / (RIGHT + WRONG),
    "recall": lambda: RIGHT / (RIGHT + MISSED),
    "f1": lambda: 2 * RIGHT / (2 * RIGHT + WRONG + MISSED),
    "roc_auc": area,
    "confusion_matrix": lambda: [[counted(0, 0), WRONG], [MISSED, RIGHT]],
    "mae": lambda: sum(abs(y - z) for y, z in PAIRS) / len(Y),
    "rmse": lambda: math.sqrt(squares() / len(Y)),
    "r2": lambda: 1 - squares() / sum((y - MEAN) ** 2 for y in Y),
    "top_k_accuracy": lambda: (RIGHT + counted(0, 0)) / len(Y),
}
"""Of each metric: for outputs Z and targets Y; that of the two classes -Z and Z for k = 1."""


def everything(tally: Tally, output: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    sums = np.zeros(tally.width)
    tally.add(output, y, sums)
    return tally.metrics(sums, len(y), tally.known) | tally.tables(sums) | tally.of_outputs(output, y)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_what_its_definition_says(name: str) -> None:
    assert name in DEFINITIONS, f'give "{name}" to DEFINITIONS: it is not compared with its definition'
    settings = {"k": 1} if METRICS[name].settings else {}
    metric = TypeAdapter(AnyMetric).validate_python({"type": name, **settings})
    (called,) = chosen(tally_of(loss("mse"), None, (1,)), [metric])
    column = np.array(Z)[:, np.newaxis]
    ways = {
        "values": ("mse", column, np.array(Y, dtype=np.float64)[:, np.newaxis]),
        "questions": ("hinge", column, np.array(Y, dtype=np.float64)[:, np.newaxis]),
        "classes": ("cross_entropy", np.concatenate([-column, column], axis=1), np.array(Y)),
    }

    for measured in METRICS[name].measured:
        of, output, y = ways[measured]
        found = everything(tally_of(loss(of), [metric], output.shape[1:], y), output, y)
        np.testing.assert_allclose(found[called], DEFINITIONS[name](), rtol=1e-12)


@pytest.mark.parametrize("need", [*NEEDS, "each"])
def test_a_metric_that_lacks_a_part_is_refused_by_name(need: str) -> None:
    parts = {name: inspect.getattr_static(F1, name) for name in (*NEEDS, "each") if name != need}
    unsaid = {"usual": None, "measured": None}  # of which its base has one for all
    odd: type[Metric] = type("Odd", F1.__bases__, {**unsaid, "name": "odd", **parts})

    with pytest.raises(IncompleteWord, match=f'the metric "odd" is incomplete: give it `{need}`, ') as error:
        Vocabulary("metric", NEEDS, [("odd", odd)])

    assert error.value.missing == (need,)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_the_metrics_of_what_is_compared_under_it(name: str) -> None:
    tally = tally_of(loss(name), None, (3,))
    fitting = {metric for metric, word in METRICS.items() if LOSSES[name].measured in word.measured}

    assert {*tally.known, *tally.at_the_end} == {name for name in fitting if METRICS[name].settings is None}
    assert bool(tally.usual) == (LOSSES[name].measured != "nothing")
