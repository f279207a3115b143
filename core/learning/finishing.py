"""What a training that is over has learned."""

from collections.abc import Mapping

import numpy as np

from lockstep.core.learning.evaluation import EvaluationWork
from lockstep.core.learning.report import Outcome
from lockstep.core.model.parameters import Parameters, weights_sha256


def outcome_of(parameters: Parameters, evaluations: Mapping[str, EvaluationWork], loss: float) -> Outcome:
    """Evaluate the weights on every part of the data, alone: the tree gives any group's bits."""
    metrics: dict[str, float] = {}
    tables: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for part, evaluation in evaluations.items():
            is_held_out = part != "train" or len(evaluations) == 1
            measured = evaluation.measure(all_metrics=is_held_out)
            metrics |= {f"{part}_{name}": value for name, value in measured.metrics.items()}
            tables |= {f"{part}_{name}": table for name, table in measured.tables.items()}
    weights = parameters.export()
    return Outcome(
        loss=loss, metrics=metrics, tables=tables, weights=weights, weights_sha256=weights_sha256(weights)
    )
