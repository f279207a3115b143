"""Values of losses against their formulas in plain NumPy, in the middle and far out."""

import math

import numpy as np
import pytest

from core.losses import LOSSES, LossSite, delta_of, denominator, loss_of
from tests.gradcheck import loss


def run(name: str, output: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss sum and its gradient, divided by the denominator."""
    kind, spec = loss_of(loss(name)), loss(name)
    laid_out = np.asfortranarray(output) if kind.rows_last else output
    site = LossSite(
        dtype=output.dtype,
        calls=[],
        output=laid_out,
        y=y,
        denominator=np.array(denominator(spec, *output.shape), output.dtype),
        total=np.zeros((), output.dtype),
        gradient=np.full_like(laid_out, np.nan),
        delta=delta_of(spec),
    )
    kind.forward(site)
    kind.gradient(site)
    with np.errstate(all="ignore"):
        for call in site.calls:
            call()
    return float(site.total), site.gradient


Z = np.array([[0.3, -1.2], [2.0, 0.1], [-0.4, 0.45]])
Y = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 0.5]])
E = Z - Y
SUMS = {
    "mse": np.sum(E * E),
    "sse": np.sum(E * E),
    "half_sse": np.sum(E * E) / 2,
    "mae": np.sum(np.abs(E)),
    "huber": sum(e * e / 2 if abs(e) <= 0.4 else 0.4 * (abs(e) - 0.2) for e in E.flat),
    "binary_cross_entropy": sum(
        -y * math.log(1 / (1 + math.exp(-z))) - (1 - y) * math.log(1 - 1 / (1 + math.exp(-z)))
        for z, y in zip(Z.flat, Y.flat, strict=True)
    ),
}


@pytest.mark.parametrize("name", sorted(SUMS))
def test_sums(name: str) -> None:
    assert run(name, Z, Y)[0] == pytest.approx(float(SUMS[name]), rel=1e-13)


def test_cross_entropy() -> None:
    classes = np.array([1, 0, 1])
    shares = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)

    total, gradient = run("cross_entropy", Z, classes)

    assert total == pytest.approx(float(-np.log(shares[np.arange(3), classes]).sum()), rel=1e-13)
    np.testing.assert_allclose(gradient, (shares - np.eye(2)[classes]) / 3, rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "rows", "outputs", "expected"),
    [
        ("mse", 5, 3, 15.0),
        ("mae", 5, 3, 15.0),
        ("huber", 5, 3, 15.0),
        ("binary_cross_entropy", 5, 3, 15.0),
        ("cross_entropy", 5, 3, 5.0),
        ("sse", 5, 3, 1.0),
        ("half_sse", 5, 3, 1.0),
    ],
)
def test_denominators(name: str, rows: int, outputs: int, expected: float) -> None:
    assert denominator(loss(name), rows, outputs) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_logits_stay_finite(dtype: str) -> None:
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [500.0, 1e4, -1e4]], dtype)

    total, gradient = run("cross_entropy", z, np.array([0, 1, 0]))

    assert total == pytest.approx(0.0 + math.log(3) + 9500.0, rel=1e-6)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[2], [-1 / 3, 1 / 3, 0], rtol=1e-6)

    total, gradient = run("binary_cross_entropy", z, np.array([[1, 1, 1], [0, 0, 1], [1, 1, 0]], dtype))

    assert total == pytest.approx(1e4 + math.log(2) + 1e4, rel=1e-6)
    np.testing.assert_allclose(gradient[:, 0] * 9, [0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(gradient[0] * 9, [0, -1, -0.5], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_shards_add_up_to_the_batch(name: str) -> None:
    """With the whole batch's denominator the shards' gradients are the batch's, and the sums add."""
    y = np.array([1, 0, 1]) if name == "cross_entropy" else Y
    whole, gradient = run(name, Z, y)
    parts = [run(name, Z[rows].copy(), y[rows].copy()) for rows in (slice(0, 1), slice(1, 3))]
    shares = [denominator(loss(name), rows, 2) / denominator(loss(name), 3, 2) for rows in (1, 2)]

    assert parts[0][0] + parts[1][0] == pytest.approx(whole, rel=1e-13)
    for part, share, rows in zip(parts, shares, (slice(0, 1), slice(1, 3)), strict=True):
        np.testing.assert_allclose(part[1] * share, gradient[rows], rtol=1e-13)
