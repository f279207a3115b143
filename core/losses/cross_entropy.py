"""Cross-entropy of class numbers, from logits or from log-probabilities."""

from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.fields import Real, Whole
from lockstep.core.losses.base import Loss, LossSpec, LossWeights
from lockstep.core.losses.counted import counted
from lockstep.core.losses.readings import LogShares, Reading, largest
from lockstep.core.losses.settings import ClassWeights
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import ClassNumbers
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.onnx_graph import OnnxGraph

FEW = 4096
"""So many numbers cost less than the calls that would spare some of them."""


class _ClassLoss(LossSpec):
    weight: ClassWeights | None = None
    """how much each class counts; the mean is divided by the weights of the targets"""
    ignore_index: Annotated[int, Whole(ge=-(2**31), le=2**31 - 1)] | None = None
    """the target that does not count, such as -100; none if not given"""


class CrossEntropyLoss(_ClassLoss):
    """From logits and class numbers, as torch.nn.CrossEntropyLoss; mean over the targets that count."""

    type: Literal["cross_entropy"]
    label_smoothing: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of each target that is spread evenly over all classes"""


class NllLoss(_ClassLoss):
    """From log-probabilities (log_softmax) and class numbers, as torch.nn.NLLLoss; mean as cross_entropy."""

    type: Literal["nll"]


C = TypeVar("C", bound=_ClassLoss)


class Logits(Reading):
    """Logits: the classes' probabilities are their softmax."""

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Of equals the first is the label."""
        shares = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return {"probabilities": shares / shares.sum(axis=-1, keepdims=True), "labels": largest(outputs)}

    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:
        """Both."""
        return {
            "probabilities": out.emit("Softmax", y, axis=-1),
            "labels": out.emit("ArgMax", y, axis=-1, keepdims=0),
        }


class _OfClasses(Loss[C]):
    """What the two have in common."""

    mean = "weights"
    mixes = False
    measured = "classes"

    @property
    def targets(self) -> ClassNumbers:
        """Class numbers, one of which may not count."""
        return ClassNumbers(self.name, self.spec.ignore_index)

    @property
    def weights(self) -> LossWeights | None:
        """Those of the classes."""
        given = self.spec.weight
        return None if given is None else LossWeights(key="weight", values=given, each="class")


class CrossEntropy(_OfClasses[CrossEntropyLoss]):
    """Σ of ln Σ_k e^(z_k) - z_class over the targets, from logits z; divided by the number of targets.

    The largest logit is taken off each row before the exponential, so nothing overflows.
    """

    name = "cross_entropy"
    settings = CrossEntropyLoss
    aliases = ("categorical_crossentropy", "sparse_categorical_crossentropy", "softmax_cross_entropy")
    formula = Notation("loss = ln Σ e^ŷ - ŷ_y, y the class", ("∂loss/∂ŷ_k = softmax(ŷ)_k - [k = y]",))
    reading = Logits()
    rows_last = True
    stacks = True

    @classmethod
    def of(cls, spec: CrossEntropyLoss) -> "CrossEntropy":
        """The plain way where no setting differs from its default."""
        plain = spec.weight is None and spec.ignore_index is None and not spec.label_smoothing
        return (CrossEntropy if plain else WeightedCrossEntropy)(spec)

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (classes, rows), so all reductions run along the rows."""
        logits = site.classes_first(site.output)
        *shards, classes, rows = logits.shape
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        row, chosen, sums = (aligned((*shards, rows), site.dtype) for _ in range(3))
        place = np.empty((*shards, rows), np.intp)
        site.kept |= {"shares": shares, "sums": sums, "place": place}
        # The place of each row's class in the flat (classes, rows) array.
        first = np.arange(place.size).reshape(place.shape)
        first += first // rows * (classes - 1) * rows
        site.load(np.multiply, site.y.reshape(place.shape), np.array(rows), place)
        site.load(np.add, place, first, place)
        site.exchange(site.output, logits)
        site.call(np.maximum.reduce, logits, -2, None, row)
        self._spread(site, np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        site.products(np.ones(classes, site.dtype), shares, sums)
        site.call(np.log, sums, row)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, row)
        site.sums(row)

    def gradient(self, site: LossSite) -> None:
        """(softmax(z) - [k = class]) / denominator."""
        shares, sums = site.kept["shares"], site.kept["sums"]
        gradient = site.classes_first(site.gradient)
        one = site.divided(1.0)
        site.call(np.divide, one, sums, sums)
        self._spread(site, np.multiply, shares, sums, gradient)
        self._take_off_classes(site, gradient.reshape(-1), one)
        site.exchange(site.gradient, gradient, back=True)

    def _spread(
        self, site: LossSite, function: np.ufunc, by_class: np.ndarray, row: np.ndarray, out: np.ndarray
    ) -> None:
        """Append: out = function(by_class, row), one number of `row` for all classes.

        Few numbers are copied to all classes first: two calls of one piece each take less time.
        """
        row = row[..., np.newaxis, :]
        if by_class.size <= FEW:
            spread = aligned(by_class.shape, site.dtype)
            site.call(spread.__setitem__, ..., row)
            row = spread
        site.call(function, by_class, row, out)

    def _take_off_classes(self, site: LossSite, gradient: np.ndarray, one: np.ndarray) -> None:
        """Append: `one` is subtracted at each row's class. For few numbers by an array that is else 0."""
        place = site.kept["place"]
        if len(gradient) <= FEW:
            ones = site.buffer(gradient)
            site.load(ones.fill, 0.0)
            site.load(ones.put, place, one, "clip")
            site.call(np.subtract, gradient, ones, gradient)
            return
        chosen = site.buffer(site.kept["sums"])
        site.call(gradient.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, one, chosen)
        site.call(gradient.put, place, chosen, "clip")


class WeightedCrossEntropy(CrossEntropy):
    """Cross-entropy with class weights w, label smoothing ε and an ignored target.

    With l_k = ln Σ_j e^(z_j) - z_k, a target of class y that counts adds (1 - ε) w_y l_y + ε / C Σ_k w_k l_k
    over the C classes. The sum is divided by Σ w_y over the targets that count.
    """

    stacks = False

    def forward(self, site: LossSite) -> None:
        """In memory the logits are (classes, N), so all reductions run along the targets."""
        targets = counted(site, self.spec.weight, self.spec.ignore_index)
        logits = site.classes_first(site.output)
        shifted, shares = aligned(logits.shape, site.dtype), aligned(logits.shape, site.dtype)
        rows = logits.shape[1]
        row, chosen, sums, own = (aligned(rows, site.dtype) for _ in range(4))
        place = np.empty(rows, np.intp)
        site.exchange(site.output, logits)
        site.call(np.maximum.reduce, logits, 0, None, row)
        site.call(np.subtract, logits, row, shifted)
        site.call(np.exp, shifted, shares)
        site.call(np.matmul, np.ones(len(logits), site.dtype), shares, sums)
        site.call(np.log, sums, row)
        site.call(np.multiply, targets.classes, np.array(rows), place)
        site.call(np.add, place, np.arange(rows), place)
        site.call(shifted.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.subtract, row, chosen, chosen)
        smoothing = self.spec.label_smoothing
        site.call(np.multiply, targets.weights, site.number(1.0 - smoothing), own)
        site.call(np.dot, own, chosen, site.total)
        site.kept |= {"shares": shares, "sums": sums, "place": place, "own": own, "counts": targets.counts}
        if smoothing:
            site.kept["table"] = targets.table * np.array(smoothing / len(logits), site.dtype)
            self._add_smooth_part(site, shifted, row)

    def _add_smooth_part(self, site: LossSite, shifted: np.ndarray, row: np.ndarray) -> None:
        """Append total += Σ over the counted of Σ_k t_k (row - shifted_k), where t_k = ε / C w_k."""
        table, counts = site.kept["table"], site.kept["counts"]
        part, smooth = site.buffer(row), site.number(0.0)
        site.call(np.matmul, table, shifted, part)
        site.call(np.multiply, row, np.array(table.sum(), site.dtype), row)
        site.call(np.subtract, row, part, part)
        site.call(np.dot, part, counts, smooth)
        site.call(np.add, site.total, smooth, site.total)

    def gradient(self, site: LossSite) -> None:
        """(a softmax(z)_k - own [k = class] - t_k) / denominator, a = own + Σ_k t_k; 0 where ignored."""
        shares, sums, place, own = (site.kept[key] for key in ("shares", "sums", "place", "own"))
        gradient = site.classes_first(site.gradient)
        one, chosen, each = site.divided(1.0), site.buffer(sums), site.buffer(sums)
        flat_gradient = gradient.reshape(-1)
        site.call(np.multiply, own, one, own)
        if "table" in site.kept:
            table, scaled = site.kept["table"], site.buffer(sums)
            spread = aligned(gradient.shape, site.dtype)
            site.call(np.multiply, site.kept["counts"], one, scaled)
            site.call(np.multiply, scaled, np.array(table.sum(), site.dtype), each)
            site.call(np.add, each, own, each)
            site.call(np.divide, each, sums, each)
            site.call(np.multiply, shares, each, gradient)
            site.call(np.matmul, table[:, np.newaxis], scaled[np.newaxis], spread)
            site.call(np.subtract, gradient, spread, gradient)
        else:
            site.call(np.divide, own, sums, each)
            site.call(np.multiply, shares, each, gradient)
        site.call(flat_gradient.take, place, None, chosen, "clip")
        site.call(np.subtract, chosen, own, chosen)
        site.call(flat_gradient.put, place, chosen, "clip")
        site.exchange(site.gradient, gradient, back=True)


class NegativeLogLikelihood(_OfClasses[NllLoss]):
    """Σ of -w_class output_class, from log-probabilities.

    The sum is divided by Σ w_class over the targets that count.
    """

    name = "nll"
    settings = NllLoss
    aliases = ("nll_loss", "negative_log_likelihood")
    formula = Notation("loss = -ŷ_y, y the class", ("∂loss/∂ŷ_k = -[k = y]",))
    reading = LogShares()
    other = CrossEntropy.name

    def forward(self, site: LossSite) -> None:
        """One number is taken of each row."""
        targets = counted(site, self.spec.weight, self.spec.ignore_index)
        outputs = site.output
        if not outputs.flags.c_contiguous:
            outputs = aligned(site.output.shape, site.dtype)
            site.call(np.copyto, outputs, site.output)
        classes, rows = outputs.shape[-1], len(targets.classes)
        place, chosen = np.empty(rows, np.intp), aligned(rows, site.dtype)
        site.kept |= {"place": place, "weights": targets.weights}
        site.call(np.add, targets.classes, np.arange(rows) * classes, place)
        site.call(outputs.reshape(-1).take, place, None, chosen, "clip")
        site.call(np.negative, chosen, chosen)
        site.call(np.dot, chosen, targets.weights, site.total)

    def gradient(self, site: LossSite) -> None:
        """-w_class / denominator at the class, else 0."""
        place, weights = site.kept["place"], site.kept["weights"]
        direct = site.gradient.flags.c_contiguous
        gradient = site.gradient if direct else aligned(site.gradient.shape, site.dtype)
        each = site.buffer(weights)
        # Each run: the arrays of a line of nodes may be one and the same, and the backward pass writes them.
        site.call(np.copyto, gradient, site.number(0.0))
        site.call(np.multiply, weights, site.divided(-1.0), each)
        site.call(flat(gradient).put, place, each, "clip")
        if not direct:
            site.call(np.copyto, site.gradient, gradient)
