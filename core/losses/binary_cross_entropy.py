"""Cross-entropy of yes and no: every output is a question of its own."""

from typing import Literal

import numpy as np

from lockstep.core.losses.base import Loss, LossSpec, LossWeights
from lockstep.core.losses.readings import Sides
from lockstep.core.losses.settings import OutputWeights
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import Refusal, Targets
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.onnx_graph import OnnxGraph


class BinaryCrossEntropyLoss(LossSpec):
    """From logits and targets from 0 to 1, as torch.nn.BCEWithLogitsLoss; mean over all elements."""

    type: Literal["binary_cross_entropy"]
    pos_weight: OutputWeights | None = None
    """how much the targets 1 count, one number for each output"""


class Chances(Targets):
    """How probable a yes is."""

    called = "probabilities"
    fit = frozenset({"two classes"})

    def refused(self, y: np.ndarray) -> Refusal:
        """What is below 0 or above 1."""
        message = (
            "expected a number from 0 to 1 with binary_cross_entropy, got {}; scale the targets, or take mse"
        )
        return Refusal(bad=(y < 0) | (y > 1), values=y, code="not_a_probability", message=message)


class YesLogits(Sides):
    """Logits of a yes."""

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """The probability of the yes, and which side it is on."""
        return {"probabilities": 1.0 / (1.0 + np.exp(-outputs)), **super().read(outputs)}

    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:
        """Both."""
        labels = out.cast(out.emit("GreaterOrEqual", y, out.number(0.0)), np.dtype(np.int64))
        return {"probabilities": out.emit("Sigmoid", y), "labels": labels}


class BinaryCrossEntropy(Loss[BinaryCrossEntropyLoss]):
    """Σ of ln(1 + e^z) - z y from logits z and targets y in 0..1, divided by the number of elements.

    Computed as max(z, 0) - z y + ln(1 + e^-|z|), which neither overflows nor cancels.
    """

    name = "binary_cross_entropy"
    settings = BinaryCrossEntropyLoss
    aliases = ("bce", "bce_with_logits", "log_loss")
    formula = Notation("loss = ln(1 + e^ŷ) - ŷ y", ("∂loss/∂ŷ = sigmoid(ŷ) - y",))
    mean = "elements"
    mixes = True
    measured = "questions"
    targets = Chances()
    reading = YesLogits()

    @classmethod
    def of(cls, spec: BinaryCrossEntropyLoss) -> "BinaryCrossEntropy":
        """The plain way without weights."""
        return (BinaryCrossEntropy if spec.pos_weight is None else WeightedBinaryCrossEntropy)(spec)

    @property
    def weights(self) -> LossWeights | None:
        """Those of the targets 1."""
        given = self.spec.pos_weight
        return None if given is None else LossWeights(key="pos_weight", values=given, each="output")

    def forward(self, site: LossSite) -> None:
        """Eight passes over what is mostly one column."""
        z, y = site.output, site.values
        small, top, product = (site.buffer(z) for _ in range(3))
        site.call(np.abs, z, small)
        site.call(np.negative, small, small)
        site.call(np.exp, small, small)
        site.call(np.log1p, small, small)
        site.call(np.maximum, z, site.full(z, 0.0), out=top)
        site.call(np.multiply, z, y, product)
        site.call(np.subtract, top, product, top)
        site.call(np.add, top, small, top)
        site.sum(flat(top), site.total)

    def gradient(self, site: LossSite) -> None:
        """(sigmoid(z) - y) / denominator; e^-z may overflow to infinity, which gives the right 0."""
        sigmoid = append_sigmoid(site)
        site.call(np.subtract, sigmoid, site.values, sigmoid)
        site.call(np.multiply, sigmoid, site.divided(1.0), site.gradient)


def append_sigmoid(site: LossSite) -> np.ndarray:
    """Append 1 / (1 + e^-output); give the array."""
    one, sigmoid = site.number(1.0), site.buffer(site.output)
    site.call(np.negative, site.output, sigmoid)
    site.call(np.exp, sigmoid, sigmoid)
    site.call(np.add, sigmoid, one, sigmoid)
    site.call(np.divide, one, sigmoid, sigmoid)
    return sigmoid


class WeightedBinaryCrossEntropy(BinaryCrossEntropy):
    """Σ of (1 - y) z + (1 + (p - 1) y) ln(1 + e^-z), p being pos_weight; divided by the number of elements.

    ln(1 + e^-z) is computed as ln(1 + e^-|z|) + max(-z, 0).
    """

    def forward(self, site: LossSite) -> None:
        """With n = -z: (1 + (p - 1) y) (ln(1 + e^-|n|) + max(n, 0)) - (1 - y) n."""
        z, y = site.output, site.values
        small, negated, factor, rest = (site.buffer(z) for _ in range(4))
        extra, one = site.buffer(z), site.number(1.0)
        extra[...] = np.array(self.spec.pos_weight, site.dtype) - 1.0
        site.kept |= {"factor": factor, "rest": rest}
        site.call(np.negative, z, negated)
        site.call(np.abs, z, small)
        site.call(np.negative, small, small)
        site.call(np.exp, small, small)
        site.call(np.log1p, small, small)
        site.call(np.multiply, extra, y, factor)
        site.call(np.add, factor, one, factor)
        site.call(np.subtract, one, y, rest)
        self._sum(site, negated, small)

    def _sum(self, site: LossSite, negated: np.ndarray, small: np.ndarray) -> None:
        top, zero = site.buffer(negated), site.full(negated, 0.0)
        site.call(np.maximum, negated, zero, out=top)
        site.call(np.add, top, small, top)
        site.call(np.multiply, top, site.kept["factor"], top)
        site.call(np.multiply, negated, site.kept["rest"], negated)
        site.call(np.subtract, top, negated, top)
        site.sum(flat(top), site.total)

    def gradient(self, site: LossSite) -> None:
        """((1 - y) - (1 + (p - 1) y) (1 - sigmoid(z))) / denominator."""
        sigmoid = append_sigmoid(site)
        site.call(np.subtract, sigmoid, site.number(1.0), sigmoid)
        site.call(np.multiply, sigmoid, site.kept["factor"], sigmoid)
        site.call(np.add, sigmoid, site.kept["rest"], sigmoid)
        site.call(np.multiply, sigmoid, site.divided(1.0), site.gradient)
