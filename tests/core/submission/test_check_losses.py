"""Losses and metrics that fit neither the targets nor the model are named."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_spec
from lockstep.core.submission.checks import check
from tests.specs import DIGITS, LINE, changed, linear

LOGS: list[Any] = [*linear(2, 3)["layers"], {"type": "log_softmax"}]
X: list[Any] = [[1, 2], [3, 4]]


def inline(y: list[Any], loss: object, outputs: int = 3, **changes: Any) -> dict[str, Any]:
    data = {"inline": {"x": X, "y": y}}
    return changed(DIGITS, data=data, loss=loss, model=linear(2, outputs), **changes)


def logs(y: list[Any], loss: object, **changes: Any) -> dict[str, Any]:
    return changed(inline(y, loss), model={"layers": LOGS}, **changes)


SEQUENCE = {"layers": [{"type": "unflatten", "shape": [2, 1]}, *linear(1, 3)["layers"]]}
WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    (
        inline([0, 1], {"type": "cross_entropy", "weight": [1, 2]}),
        "/loss/weight",
        "wrong_length",
        "3 numbers, one for each class, got 2",
    ),
    (
        inline([0, 1], {"type": "multi_margin", "weight": [1, 2, 3, 4]}),
        "/loss/weight",
        "wrong_length",
        "got 4",
    ),
    (
        inline([0, 1], {"type": "cross_entropy", "weight": [0, 0, 0]}),
        "/loss/weight",
        "nothing_counts",
        "zeros alone",
    ),
    (
        inline([0, 1], {"type": "cross_entropy", "weight": [0, 0, 1]}),
        "/loss/weight",
        "nothing_counts",
        "a class that occurs",
    ),
    (
        inline([-1, -1], {"type": "cross_entropy", "ignore_index": -1}),
        "/loss/ignore_index",
        "nothing_counts",
        "got -1 alone",
    ),
    (
        inline([-1, -100], {"type": "cross_entropy", "ignore_index": -100}),
        "/data/inline/y/0",
        "not_a_class_number",
        "or -100, got -1",
    ),
    (inline([0, 3], "multi_margin"), "/model/layers/0/out", "output_mismatch", "go up to 3, got 3"),
    (
        inline([[0, 1, 1], [1, 0, 0]], {"type": "binary_cross_entropy", "pos_weight": [2]}),
        "/loss/pos_weight",
        "wrong_length",
        "3 numbers, one for each output, got 1",
    ),
    (inline([[0], [2]], "hinge", 1), "/data/inline/y/1/0", "not_a_side", "0 or 1 (or -1 or 1"),
    (inline([[0, -1], [1, 1]], "hinge", 2), "/data/inline/y/0/0", "not_a_side", "got 0"),
    (logs([[0.5, 0.5, 0], [1, 2, 0]], "kl_div"), "/data/inline/y/1/1", "not_a_probability", "got 2"),
    (
        logs([[0.5, 0.5, 0], [1, 0.5, 0]], "kl_div"),
        "/data/inline/y/1",
        "not_a_distribution",
        "add up to 1, got 1.5",
    ),
    (
        logs([[0.5, 0, 0], [-1, -1, -1]], {"type": "kl_div", "log_target": True}),
        "/data/inline/y/0/0",
        "not_a_log_probability",
        "at most 0",
    ),
    (inline([[1, 0, 0], [0, 1, 0]], "kl_div"), "/model/layers/0", "no_log_probabilities", "log_softmax"),
    (inline([0, 1], "nll"), "/model/layers/0", "no_log_probabilities", "or take cross_entropy"),
    (changed(DIGITS, loss="hinge"), "/loss", "loss_mismatch", 'take "multi_margin"'),
    (
        changed(LINE, data={"generator": "line"}, loss="hinge"),
        "/loss",
        "loss_mismatch",
        "line has no classes",
    ),
    (
        changed(inline([0, 1], "cross_entropy"), model=SEQUENCE),
        "/data/inline/y",
        "not_class_numbers",
        "expected 2 class numbers for each row, because the model gives [2, 3] for each, got 1",
    ),
    (
        changed(inline([[0, 1, 1], [1, 0, 0]], "mse"), model=SEQUENCE),
        "/model/layers/1/out",
        "output_mismatch",
        "3 outputs, because the targets have 3 columns, got 6; the model gives [2, 3]",
    ),
    (inline([0, 1], "cross_entropy", metrics=["f1", "rmse"]), "/metrics/1", "metric_mismatch", "accuracy"),
    (changed(LINE, metrics=["accuracy"]), "/metrics/0", "metric_mismatch", "there are mae, rmse, r2"),
    (
        inline([0, 1], "cross_entropy", metrics=[{"type": "top_k_accuracy", "k": 3}]),
        "/metrics/0/k",
        "out_of_range",
        "below the number of classes, 3, got 3",
    ),
]


@pytest.mark.parametrize(("raw", "pointer", "code", "words"), WRONG)
def test_the_misfit_is_named(raw: dict[str, Any], pointer: str, code: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw)
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [(pointer, code)]
    assert words in caught.value.problems[0].message


ILL_FORMED: list[tuple[object, object, str, str]] = [
    ({"type": "cross_entropy", "label_smoothing": 1.5}, [], "/loss/label_smoothing", "of at most 1"),
    ({"type": "cross_entropy", "weight": [1, -1]}, [], "/loss/weight/1", "at least 0"),
    ({"type": "cross_entropy", "class_weight": [1, 1]}, [], "/loss/class_weight", 'did you mean "weight"'),
    ({"type": "multi_margin", "p": 3}, [], "/loss/p", "of at most 2"),
    ({"type": "huber", "beta": 1}, [], "/loss/beta", "delta"),
    ("negative_log_likelihood", [], "/loss", 'did you mean "nll"'),
    ("cross_entropy", ["f1_score"], "/metrics/0", 'did you mean "f1"'),
    ("cross_entropy", [{"type": "top_k_accuracy", "k": 0}], "/metrics/0/k", "of at least 1"),
    ("cross_entropy", [3], "/metrics/0", "the name of a metric, got 3"),
]


@pytest.mark.parametrize(("loss", "metrics", "pointer", "words"), ILL_FORMED)
def test_what_is_ill_formed_is_named(loss: object, metrics: object, pointer: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, loss=loss, metrics=metrics))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert words in caught.value.problems[0].message


FINE: list[dict[str, Any]] = [
    inline([0, -100], {"type": "cross_entropy", "ignore_index": -100, "weight": [1, 0, 2]}),
    inline([0, 2], {"type": "multi_margin", "p": 2.0, "weight": [1, 2, 3]}),
    inline([[0, 1, 1], [1, 0, 0]], "hinge"),
    inline([[-1, 1, 1], [1, -1, 1]], {"type": "hinge", "margin": 0.2}),
    logs([0, 2], {"type": "nll", "weight": [1, 2, 3], "ignore_index": 2}),
    logs([[0.5, 0.5, 0], [0.3333, 0.3333, 0.3333]], "kl_div"),
    changed(inline([[0, 1], [1, 2]], "cross_entropy"), model=SEQUENCE),
    changed(inline([[0, 1, 1, 0, 1, 0]] * 2, "mse"), model=SEQUENCE),
    changed(DIGITS, metrics=["f1", "roc_auc", {"type": "top_k_accuracy", "k": 9}, "top_k_accuracy"]),
    changed(LINE, metrics=[]),
]


@pytest.mark.parametrize("raw", FINE)
def test_what_fits_passes_and_survives_json(raw: dict[str, Any]) -> None:
    spec = parse_spec(raw)
    assert check(spec) == ()
    assert parse_spec(spec.model_dump(mode="json")) == spec
