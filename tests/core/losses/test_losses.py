"""Values of losses against their formulas in plain NumPy, in the middle and far out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockstep.core.losses import LOSSES, Denominators, LossSite, LossSpec, denominator, loss_of
from lockstep.core.model.ops.base import rows_innermost
from tests.gradcheck import loss

Run = tuple[float, np.ndarray]
"""A loss sum, and the gradient divided by the denominator."""


def run(spec: LossSpec, output: np.ndarray, y: np.ndarray, whole: float | None = None) -> Run:
    """`whole`: the denominator of the batch that these rows are a part of; their own if not given."""
    kind = loss_of(spec)
    laid_out = rows_innermost(output.shape, output.dtype) if kind.rows_last else output.copy()
    laid_out[...] = output
    site = LossSite(
        dtype=output.dtype,
        calls=[],
        output=laid_out,
        y=y,
        denominator=np.array(whole or denominator(spec, y) or 1.0, output.dtype),
        total=np.zeros((), output.dtype),
        gradient=np.full_like(laid_out, np.nan),
    )
    assert kind.room(laid_out).shape == y.shape
    kind.forward(site)
    kind.gradient(site)
    with np.errstate(all="ignore"):
        for call in site.calls * 2:  # twice: nothing may be left over from the run before
            call()
    np.testing.assert_array_equal(laid_out, output)
    return float(site.total), site.gradient


Z = np.array([[0.3, -1.2], [2.0, 0.1], [-0.4, 0.45]])
Y = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 0.5]])
SIDES = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
E = Z - Y
SIGMOID = 1 / (1 + np.exp(-Z))
SUMS: list[tuple[LossSpec, np.ndarray, float]] = [
    (loss("mse"), Y, np.sum(E * E)),
    (loss("sse"), Y, np.sum(E * E)),
    (loss("half_sse"), Y, np.sum(E * E) / 2),
    (loss("mae"), Y, np.sum(np.abs(E))),
    (loss("huber"), Y, sum(e * e / 2 if abs(e) <= 0.4 else 0.4 * (abs(e) - 0.2) for e in E.flat)),
    (loss("smooth_l1"), Y, sum(e * e / 0.8 if abs(e) <= 0.4 else abs(e) - 0.2 for e in E.flat)),
    (loss("binary_cross_entropy"), Y, -np.sum(Y * np.log(SIGMOID) + (1 - Y) * np.log(1 - SIGMOID))),
    (
        loss("binary_cross_entropy", pos_weight=[3.0, 0.5]),
        Y,
        -np.sum(np.array([3.0, 0.5]) * Y * np.log(SIGMOID) + (1 - Y) * np.log(1 - SIGMOID)),
    ),
    (loss("kl_div"), Y, sum(p * (math.log(p) - z) for p, z in zip(Y.flat, Z.flat, strict=True) if p)),
    (loss("kl_div", log_target=True), Y - 1, np.sum(np.exp(Y - 1) * (Y - 1 - Z))),
    (loss("hinge"), SIDES, np.sum(np.maximum(0, 1 - (2 * SIDES - 1) * Z))),
    (loss("hinge", margin=0.5), 2 * SIDES - 1, np.sum(np.maximum(0, 0.5 - (2 * SIDES - 1) * Z))),
]


@pytest.mark.parametrize(("spec", "y", "expected"), SUMS, ids=lambda value: getattr(value, "type", ""))
def test_sums(spec: LossSpec, y: np.ndarray, expected: float) -> None:
    assert run(spec, Z, y)[0] == pytest.approx(float(expected), rel=1e-13)


LOGITS = np.random.default_rng(3).standard_normal((5, 4))
LOGS = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
CLASSES = np.array([1, 0, 3, 3, 2])
WEIGHTS = [0.5, 2.0, 0.0, 1.5]


def by_formula(
    logs: np.ndarray, y: int, *, weights: list[float], ignored: int | None = None, smoothing: float = 0.0
) -> float:
    """Cross-entropy of one row from its log-probabilities, as torch.nn.CrossEntropyLoss has it."""
    if y == ignored:
        return 0.0
    spread = sum(weight * -log for weight, log in zip(weights, logs, strict=True)) / len(logs)
    return float((1 - smoothing) * weights[y] * -logs[y] + smoothing * spread)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"weight": WEIGHTS},
    {"ignore_index": 3},
    {"weight": WEIGHTS, "ignore_index": 0},
    {"label_smoothing": 0.3},
    {"label_smoothing": 1.0, "weight": WEIGHTS, "ignore_index": 3},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_cross_entropy_and_nll(settings: dict[str, Any]) -> None:
    weights = settings.get("weight", [1.0] * 4)
    ignored, smoothing = settings.get("ignore_index"), settings.get("label_smoothing", 0.0)
    rows = [
        by_formula(logs, y, weights=weights, ignored=ignored, smoothing=smoothing)
        for logs, y in zip(LOGS, CLASSES, strict=True)
    ]
    counted = sum(weights[y] for y in CLASSES if y != ignored)

    spec = loss("cross_entropy", **settings)
    assert run(spec, LOGITS, CLASSES)[0] == pytest.approx(sum(rows), rel=1e-13)
    assert denominator(spec, CLASSES) == pytest.approx(counted, rel=1e-15)
    if not smoothing:
        spec = loss("nll", **settings)
        assert run(spec, LOGS, CLASSES)[0] == pytest.approx(sum(rows), rel=1e-13)
        assert denominator(spec, CLASSES) == pytest.approx(counted, rel=1e-15)


def test_gradient_of_cross_entropy() -> None:
    _, gradient = run(loss("cross_entropy"), LOGITS, CLASSES)

    np.testing.assert_allclose(gradient, (np.exp(LOGS) - np.eye(4)[CLASSES]) / 5, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin(p: int) -> None:
    costs = [
        WEIGHTS[y] / 4 * sum(max(0.0, 0.7 - z[y] + z[k]) ** p for k in range(4) if k != y)
        for z, y in zip(LOGITS, CLASSES, strict=True)
    ]

    assert run(loss("multi_margin", p=p, margin=0.7, weight=WEIGHTS), LOGITS, CLASSES)[0] == pytest.approx(
        sum(costs), rel=1e-13
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, 15.0) for name in ("mse", "mae", "huber", "smooth_l1", "binary_cross_entropy", "hinge")),
        ("kl_div", 5.0),
        ("sse", 1.0),
        ("half_sse", 1.0),
    ],
)
def test_denominators(name: str, expected: float) -> None:
    assert denominator(loss(name), np.zeros((5, 3))) == expected


@pytest.mark.parametrize("name", ["cross_entropy", "nll", "multi_margin"])
def test_denominators_of_classes(name: str) -> None:
    assert denominator(loss(name), np.zeros(5, np.int64)) == 5.0
    assert denominator(loss(name), np.zeros((5, 3), np.int64)) == 15.0


@pytest.mark.parametrize("settings", [{"weight": WEIGHTS}, {"ignore_index": -1, "weight": WEIGHTS}])
def test_a_batch_has_the_denominator_of_its_targets(settings: dict[str, Any]) -> None:
    y = np.array([[0, 1], [-1, 3], [2, 2], [-1, -1], [3, 0]])
    y = y if "ignore_index" in settings else np.abs(y)
    spec = loss("cross_entropy", **settings)
    rows = np.array([4, 1, 3])

    assert Denominators(spec, y).of(rows) == pytest.approx(denominator(spec, y[rows]))
    assert Denominators(spec, y).of(rows) == pytest.approx(3.5 if "ignore_index" in settings else 9.5)


def test_a_batch_without_counted_targets_moves_nothing() -> None:
    spec = loss("cross_entropy", ignore_index=-100)
    y = np.full(5, -100)

    assert denominator(spec, y) == 0.0
    total, gradient = run(spec, LOGITS, y)
    assert total == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_logits_stay_finite(dtype: str) -> None:
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [500.0, 1e4, -1e4]], dtype)

    total, gradient = run(loss("cross_entropy"), z, np.array([0, 1, 0]))

    assert total == pytest.approx(0.0 + math.log(3) + 9500.0, rel=1e-6)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[2], [-1 / 3, 1 / 3, 0], rtol=1e-6)

    y = np.array([[1, 1, 1], [0, 0, 1], [1, 1, 0]], dtype)
    total, gradient = run(loss("binary_cross_entropy"), z, y)

    assert total == pytest.approx(1e4 + math.log(2) + 1e4, rel=1e-6)
    np.testing.assert_allclose(gradient[:, 0] * 9, [0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(gradient[0] * 9, [0, -1, -0.5], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_logits_stay_finite_with_weights(dtype: str) -> None:
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [500.0, 1e4, -1e4]], dtype)
    spec = loss("cross_entropy", weight=[1.0, 2.0, 3.0], label_smoothing=0.1)

    total, gradient = run(spec, z, np.array([0, 1, 0]))

    spread = 2 * 2e4 + 3 * 1e4 + 6 * math.log(3) + 9500 + 3 * 2e4
    assert total == pytest.approx(0.9 * (2 * math.log(3) + 9500) + 0.1 / 3 * spread, rel=1e-6)
    assert np.isfinite(gradient).all()

    weighted = loss("binary_cross_entropy", pos_weight=[1.0, 1.0, 1.0])
    y = np.array([[1, 1, 1], [0, 0, 1], [1, 1, 0]], dtype)
    assert run(weighted, z, y)[0] == pytest.approx(1e4 + math.log(2) + 1e4, rel=1e-6)
    assert np.isfinite(run(weighted, z, y)[1]).all()


def targets_of(name: str) -> np.ndarray:
    return np.array([1, 0, 1]) if loss_of(loss(name)).targets.are_classes else Y


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_shards_add_up_to_the_batch(name: str) -> None:
    """With the whole batch's denominator the shards' gradients are the batch's, and the sums add."""
    y, spec = targets_of(name), loss(name)
    whole, gradient = run(spec, Z, y)
    shards = (slice(0, 1), slice(1, 3))
    parts = [run(spec, Z[rows], y[rows], denominator(spec, y)) for rows in shards]

    assert parts[0][0] + parts[1][0] == pytest.approx(whole, rel=1e-13)
    for part, rows in zip(parts, shards, strict=True):
        np.testing.assert_allclose(part[1], gradient[rows], rtol=1e-13)


SEQUENCES: list[LossSpec] = [
    *(loss(name) for name in sorted(LOSSES)),
    loss("cross_entropy", weight=WEIGHTS, label_smoothing=0.2, ignore_index=1),
    loss("nll", weight=WEIGHTS, ignore_index=1),
    loss("binary_cross_entropy", pos_weight=[1.0, 2.0, 0.5, 1.5]),
    loss("multi_margin", p=2, weight=WEIGHTS),
]
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rows first": np.ascontiguousarray,
    "rows last": lambda array: np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0),
}


@pytest.mark.parametrize("spec", SEQUENCES, ids=str)
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_sequence_is_as_its_places_in_a_column(spec: LossSpec, layout: str) -> None:
    """(rows, length, classes) gives what (rows * length, classes) does, wherever the rows lie in memory."""
    random = np.random.default_rng(5)
    output, kind = random.standard_normal((3, 2, 4)), loss_of(spec)
    y = random.integers(0, 4, (3, 2)) if kind.targets.are_classes else random.uniform(0, 1, (3, 8))
    flat_y = y.reshape(-1) if kind.targets.are_classes else y.reshape(6, 4)
    laid_out = LAYOUTS[layout](output)
    whole = denominator(spec, y)
    site = LossSite(
        dtype=output.dtype, calls=[], output=laid_out, y=y, denominator=np.array(whole),
        total=np.zeros(()), gradient=np.full_like(laid_out, np.nan),
    )  # fmt: skip
    kind.forward(site)
    kind.gradient(site)
    for call in site.calls * 2:
        call()

    total, gradient = run(spec, output.reshape(6, 4), flat_y, whole)
    assert float(site.total) == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(site.gradient.reshape(6, 4), gradient, rtol=1e-12)
    assert kind.room(laid_out).shape == y.shape
