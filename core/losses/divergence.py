"""The Kullback-Leibler divergence between distributions."""

import numpy as np

from lockstep.core.losses.base import Loss, LossSite, flat
from lockstep.core.losses.spec import KlDivLoss


class KullbackLeibler(Loss):
    """Σ of p (ln p - z) from log-probabilities z and probabilities p, divided by the number of rows.

    A target 0 adds 0. With `log_target` the targets are ln p.
    """

    name = "kl_div"
    mean = "rows"

    def forward(self, site: LossSite) -> None:
        """The product of p with ln p - z."""
        shares, logs = site.buffer(site.output), site.buffer(site.output)
        site.kept["shares"] = shares
        if site.settings(KlDivLoss).log_target:
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
