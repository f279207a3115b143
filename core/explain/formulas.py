"""Each loss as a reader would write it: the value, and its derivative by what it compares."""

from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.model.notation import Notation


def _of(value: str, slope: str) -> Notation:
    return Notation(value, (slope,))


LOSSES: Mapping[str, Notation] = MappingProxyType(
    {
        "sse": _of("loss = Σ r²", "∂loss/∂r = 2 r"),
        "half_sse": _of("loss = ½ Σ r²", "∂loss/∂r = r"),
        "mse": _of("loss = Σ r² / n", "∂loss/∂r = 2 r / n"),
        "mae": _of("loss = Σ |ŷ - y| / n", "∂loss/∂ŷ = sign(ŷ - y) / n"),
        "huber": _of(
            "loss = Σ ½ r² / n where |r| <= delta, else delta (|r| - ½ delta) / n, r = ŷ - y",
            "∂loss/∂ŷ = r cut to ±delta, / n",
        ),
        "smooth_l1": _of(
            "loss = Σ ½ r² / beta / n where |r| <= beta, else (|r| - ½ beta) / n, r = ŷ - y",
            "∂loss/∂ŷ = r / beta cut to ±1, / n",
        ),
        "cross_entropy": _of("loss = ln Σ e^ŷ - ŷ_y, y the class", "∂loss/∂ŷ_k = softmax(ŷ)_k - [k = y]"),
        "binary_cross_entropy": _of("loss = ln(1 + e^ŷ) - ŷ y", "∂loss/∂ŷ = sigmoid(ŷ) - y"),
        "nll": _of("loss = -ŷ_y, y the class", "∂loss/∂ŷ_k = -[k = y]"),
        "kl_div": _of("loss = Σ y (ln y - ŷ)", "∂loss/∂ŷ = -y, by the mean's denominator"),
        "hinge": _of("loss = max(0, margin - y ŷ)", "∂loss/∂ŷ = -y where margin > y ŷ, else 0"),
        "multi_margin": _of(
            "loss = Σ max(0, margin - ŷ_y + ŷ_k) / classes, over the k that are not y",
            "∂loss/∂ŷ_k = 1 / classes where margin - ŷ_y + ŷ_k > 0; for y minus their sum",
        ),
    }
)


def loss_formula(name: str) -> Notation:
    """That of a loss."""
    return LOSSES.get(name, _of("loss = f(ŷ, y)", "∂loss/∂ŷ"))
