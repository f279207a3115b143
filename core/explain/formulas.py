"""Each op and loss as a reader would write it: the value, and its derivative by each input.

In braces stand the places of names: {y} for the node itself, {x} for an only input, {a} and {b} for two, {x},
{W} and {b} for a layer's input, weight and bias. Products with a gradient of an array are written out where
their order matters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_LETTERS = {1: ("x",), 2: ("a", "b"), 3: ("x", "W", "b")}


@dataclass(frozen=True)
class Formula:
    """`value` of the node and `slopes`: for each input its derivative; the last serves all further ones."""

    value: str
    slopes: tuple[str, ...]

    def value_of(self, name: str, inputs: Sequence[str]) -> str:
        """With names in place of letters."""
        return self._named(self.value, name, inputs)

    def slope_of(self, index: int, name: str, inputs: Sequence[str]) -> str:
        """The derivative by input `index`, with names in place of letters."""
        return self._named(self.slopes[min(index, len(self.slopes) - 1)], name, inputs)

    def _named(self, text: str, name: str, inputs: Sequence[str]) -> str:
        letters = _LETTERS[len(self.slopes)]
        names = dict(zip(letters, inputs, strict=False))
        if len(letters) == 3:  # a layer's weight and bias may be absent
            text = text if "b" in names else text.replace(" + {b}", "")
            text = text if "W" in names else text.replace(" × {W}", "")
        return text.format_map({"y": name, **dict.fromkeys(letters, "0"), **names})


def _of(value: str, *slopes: str) -> Formula:
    return Formula(value, slopes)


UNKNOWN = _of("{y} = f({x}, ...)", "∂loss/∂input = Σ ∂loss/∂{y} · ∂{y}/∂input")

_THROUGH_TIME = "∂loss/∂input = Σ over the times t of ∂loss/∂{y}(t) · ∂{y}(t)/∂input"
_CONVOLUTION = _of(
    "{y} = {x} ⋆ {W} + {b}, over each window",
    "∂loss/∂{x} = Σ ∂loss/∂{y} · {W} over the windows that hold the place",
    "∂loss/∂{W} = Σ over the windows of ∂loss/∂{y} · {x}",
    "∂loss/∂{b} = Σ ∂loss/∂{y} over the places",
)
_MAXIMUM = _of(
    "{y} = the largest of {x} in each window", "∂{y}/∂{x} = 1 at the largest of the window, else 0"
)
_MEAN = _of("{y} = the mean of {x} over each window", "∂{y}/∂{x} = 1 / the window's size, inside it")

FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {
        "identity": _of("{y} = {x}", "∂{y}/∂{x} = 1"),
        "add": _of("{y} = {a} + {b}", "∂{y}/∂{a} = 1", "∂{y}/∂{b} = 1"),
        "subtract": _of("{y} = {a} - {b}", "∂{y}/∂{a} = 1", "∂{y}/∂{b} = -1"),
        "multiply": _of("{y} = {a} × {b}", "∂{y}/∂{a} = {b}", "∂{y}/∂{b} = {a}"),
        "divide": _of("{y} = {a} / {b}", "∂{y}/∂{a} = 1 / {b}", "∂{y}/∂{b} = -{a} / {b}²"),
        "negate": _of("{y} = -{x}", "∂{y}/∂{x} = -1"),
        "power": _of("{y} = {a}^{b}", "∂{y}/∂{a} = {b} {a}^({b}-1)", "∂{y}/∂{b} = {a}^{b} ln {a}"),
        "power_constant": _of("{y} = {x}^n", "∂{y}/∂{x} = n {x}^(n-1)"),
        "sin": _of("{y} = sin {x}", "∂{y}/∂{x} = cos {x}"),
        "cos": _of("{y} = cos {x}", "∂{y}/∂{x} = -sin {x}"),
        "tan": _of("{y} = tan {x}", "∂{y}/∂{x} = 1 + {y}²"),
        "exp": _of("{y} = e^{x}", "∂{y}/∂{x} = {y}"),
        "log": _of("{y} = ln {x}", "∂{y}/∂{x} = 1 / {x}"),
        "sqrt": _of("{y} = √{x}", "∂{y}/∂{x} = 1 / (2 {y})"),
        "abs": _of("{y} = |{x}|", "∂{y}/∂{x} = sign {x}, and 0 at 0"),
        "relu": _of("{y} = max({x}, 0)", "∂{y}/∂{x} = 1 where {x} > 0, else 0"),
        "relu6": _of("{y} = min(max({x}, 0), 6)", "∂{y}/∂{x} = 1 where 0 < {x} < 6, else 0"),
        "leaky_relu": _of(
            "{y} = {x} where {x} > 0, else slope {x}", "∂{y}/∂{x} = 1 where {x} > 0, else slope"
        ),
        "elu": _of(
            "{y} = {x} where {x} > 0, else alpha (e^{x} - 1)", "∂{y}/∂{x} = 1 where {x} > 0, else alpha e^{x}"
        ),
        "sigmoid": _of("{y} = 1 / (1 + e^-{x})", "∂{y}/∂{x} = {y} (1 - {y})"),
        "silu": _of("{y} = {x} sigmoid({x})", "∂{y}/∂{x} = s + {y} (1 - s), s = sigmoid({x})"),
        "gelu": _of("{y} = {x} Φ({x}), Φ the normal distribution", "∂{y}/∂{x} = Φ({x}) + {x} Φ'({x})"),
        "tanh": _of("{y} = tanh {x}", "∂{y}/∂{x} = 1 - {y}²"),
        "softplus": _of("{y} = ln(1 + e^(beta {x})) / beta", "∂{y}/∂{x} = sigmoid(beta {x})"),
        "hardtanh": _of("{y} = {x} cut to its limits", "∂{y}/∂{x} = 1 between the limits, else 0"),
        "hardsigmoid": _of("{y} = {x} / 6 + 1/2 cut to 0..1", "∂{y}/∂{x} = 1/6 where -3 < {x} < 3, else 0"),
        "hardswish": _of(
            "{y} = {x} hardsigmoid({x})",
            "∂{y}/∂{x} = {x} / 3 + 1/2 where -3 < {x} < 3, else 0 below, 1 above",
        ),
        "softmax": _of("{y}_i = e^{x}_i / Σ e^{x}", "∂{y}_i/∂{x}_j = {y}_i ([i = j] - {y}_j)"),
        "log_softmax": _of("{y}_i = {x}_i - ln Σ e^{x}", "∂{y}_i/∂{x}_j = [i = j] - softmax({x})_j"),
        "linear": _of(
            "{y} = {x} · {W}ᵀ + {b}",
            "∂loss/∂{x} = ∂loss/∂{y} · {W}",
            "∂loss/∂{W} = ∂loss/∂{y}ᵀ · {x}",
            "∂loss/∂{b} = ∂loss/∂{y}",
        ),
        "flatten": _of("{y} = {x} in another shape", "∂{y}/∂{x} = 1, in the shape of {x}"),
        "unflatten": _of("{y} = {x} in another shape", "∂{y}/∂{x} = 1, in the shape of {x}"),
        "dropout": _of("{y} = {x} m / (1 - p), m drawn as 0 or 1", "∂{y}/∂{x} = m / (1 - p)"),
        "concat": _of("{y} = the inputs, one after another", "∂loss/∂input = its own part of ∂loss/∂{y}"),
        "gelu_tanh": _of(
            "{y} = {x} s, s = (1 + tanh(√(2/π) ({x} + 0.044715 {x}³))) / 2",
            "∂{y}/∂{x} = s + 2 {x} s (1 - s) √(2/π) (1 + 0.134145 {x}²)",
        ),
        "position": _of("{y} = {x} at one position", "∂{y}/∂{x} = 1 at the position, else 0"),
        "embedding": _of(
            "{y} = the rows of {b} that {a} names",
            "{a} holds whole numbers: it has no derivative",
            "∂loss/∂{b} of a row = Σ ∂loss/∂{y} over the places that name it",
        ),
        "conv1d": _CONVOLUTION,
        "conv2d": _CONVOLUTION,
        "max_pool1d": _MAXIMUM,
        "max_pool2d": _MAXIMUM,
        "avg_pool1d": _MEAN,
        "avg_pool2d": _MEAN,
        "adaptive_avg_pool1d": _MEAN,
        "adaptive_avg_pool2d": _MEAN,
        "batch_norm": _of(
            "{y} = w n + b, n = ({x} - m) / √(v + eps), m and v over the channel's rows and places",
            "∂loss/∂{x} = w / √(v + eps) (g - mean(g) - n mean(g n)), g = ∂loss/∂{y}; ∂loss/∂w = Σ g n; "
            "∂loss/∂b = Σ g",
        ),
        "layer_norm": _of(
            "{y} = n × {W} + {b}, n = ({x} - mean) / √(variance + eps)",
            "∂loss/∂{x} = (g - mean(g) - n mean(g n)) / √(variance + eps), g = ∂loss/∂{y} × {W}",
            "∂loss/∂{W} = Σ ∂loss/∂{y} × n",
            "∂loss/∂{b} = Σ ∂loss/∂{y}",
        ),
        "rnn": _of("{y}(t) = f({x}(t) · W_ihᵀ + b_ih + {y}(t-1) · W_hhᵀ + b_hh)", _THROUGH_TIME),
        "lstm": _of("{y}(t) = o tanh c(t), c(t) = f c(t-1) + i g", _THROUGH_TIME),
        "gru": _of("{y}(t) = n + z ({y}(t-1) - n)", _THROUGH_TIME),
        "attention": _of(
            "{y} = P · v, P = softmax(q · kᵀ / √size) for each head; q, k and v side by side in {x}",
            "∂loss/∂v = Pᵀ · g, g = ∂loss/∂{y}; with S = P (g · vᵀ - Σ g {y}): ∂loss/∂q = S · k / √size, "
            "∂loss/∂k = Sᵀ · q / √size",
        ),
    }
)

LOSSES: Mapping[str, Formula] = MappingProxyType(
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


def formula_of(op: str) -> Formula:
    """That of an op; the chain rule as such where there is no shorter one."""
    return FORMULAS.get(op, UNKNOWN)


def loss_formula(name: str) -> Formula:
    """That of a loss."""
    return LOSSES.get(name, _of("loss = f(ŷ, y)", "∂loss/∂ŷ"))
