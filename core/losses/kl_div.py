"""The Kullback-Leibler divergence between distributions."""

from typing import Literal

import numpy as np

from lockstep.core.ground.fields import Switch
from lockstep.core.losses.base import Loss, LossSpec
from lockstep.core.losses.readings import LogShares
from lockstep.core.losses.site import LossSite, flat
from lockstep.core.losses.targets import Refusal, Targets
from lockstep.core.model.notation import Notation

SUM_TOLERANCE = 1e-3
"""How far probabilities written by hand may be from adding up to 1."""


class KlDivLoss(LossSpec):
    """Σ p (ln p - output) from log-probabilities and probabilities p, divided by the rows.

    As torch.nn.KLDivLoss(reduction="batchmean").
    """

    type: Literal["kl_div"]
    log_target: Switch = False
    """whether the targets are log-probabilities too"""


class Distributions(Targets):
    """Probabilities that add up to 1 over the last axis."""

    called = "probabilities"
    fit = frozenset()

    def refused(self, y: np.ndarray) -> Refusal:
        """What is below 0 or above 1."""
        message = "expected a probability from 0 to 1 with kl_div, got {}; give shares that add up to 1"
        return Refusal(bad=(y < 0) | (y > 1), values=y, code="not_a_probability", message=message)

    def refused_rows(self, y: np.ndarray) -> Refusal:
        """Rows with a sum that is not 1; of its sums the worst is told."""
        sums = self._shares(y).sum(axis=2)
        distances = np.abs(sums - 1)
        worst = np.take_along_axis(sums, distances.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
        message = "expected probabilities that add up to 1, got {}; divide them by their sum"
        bad = (distances > SUM_TOLERANCE).any(axis=1)
        return Refusal(bad=bad, values=worst, code="not_a_distribution", message=message)

    def _shares(self, y: np.ndarray) -> np.ndarray:
        return y


class LogDistributions(Distributions):
    """The same as logarithms."""

    def refused(self, y: np.ndarray) -> Refusal:
        """What is above 0."""
        message = "expected a log-probability, at most 0, with log_target, got {}; give the logarithms"
        return Refusal(bad=y > 0, values=y, code="not_a_log_probability", message=message)

    def _shares(self, y: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            shares: np.ndarray = np.exp(y)
        return shares


class KullbackLeibler(Loss[KlDivLoss]):
    """Σ of p (ln p - z) from log-probabilities z and probabilities p, divided by the number of rows.

    A target 0 adds 0. With `log_target` the targets are ln p.
    """

    name = "kl_div"
    settings = KlDivLoss
    aliases = ("kl", "kl_divergence", "kullback_leibler")
    formula = Notation("loss = Σ y (ln y - ŷ)", ("∂loss/∂ŷ = -y, by the mean's denominator",))
    mean = "rows"
    mixes = False
    measured = "nothing"
    reading = LogShares()

    @property
    def targets(self) -> Targets:
        """Distributions, or their logarithms."""
        return LogDistributions() if self.spec.log_target else Distributions()

    def forward(self, site: LossSite) -> None:
        """The product of p with ln p - z."""
        shares, logs = site.buffer(site.output), site.buffer(site.output)
        site.kept["shares"] = shares
        if self.spec.log_target:
            site.call(np.copyto, logs, site.values)
            site.call(np.exp, logs, shares)
        else:
            # 0 ln 0 is 0: the logarithm is taken of what is at least the smallest normal number.
            least = float(np.finfo(site.dtype).tiny)
            site.call(np.copyto, shares, site.values)
            site.call(np.maximum, shares, site.full(shares, least), out=logs)
            site.call(np.log, logs, logs)
        site.call(np.subtract, logs, site.output, logs)
        site.call(np.dot, flat(shares), flat(logs), site.total)

    def gradient(self, site: LossSite) -> None:
        """-p / denominator."""
        site.call(np.multiply, site.kept["shares"], site.divided(-1.0), site.gradient)
