"""Which series a job can record, known from its spec."""

from lockstep.core.formulas.minimize import LEARNING_RATE
from lockstep.core.learning.inference import input_columns
from lockstep.core.learning.observation import names_of
from lockstep.core.learning.report import GRADIENT
from lockstep.core.metrics import chosen, tally_of
from lockstep.core.model.build import build_graph
from lockstep.core.spec import AnyResolvedSpec, ExpressionModel, MinimizeSpec, ResolvedSpec, SolveSpec
from lockstep.core.submission import steps_per_epoch

CURVES = ("loss", "epoch_loss", "train_loss", "validation_loss", "value")
"""What is drawn of a job whatever its kind and its data: such a name is never a mistake."""


def series_of(spec: AnyResolvedSpec) -> tuple[str, ...]:
    """The names of all series that a job of this spec may record, the curves first; some may stay empty."""
    if isinstance(spec, MinimizeSpec | SolveSpec):
        names = [*spec.unknowns, *(f"{GRADIENT}{name}" for name in spec.unknowns)]
    else:
        names = _of_training(spec)
    scheduled = [] if isinstance(spec, SolveSpec) or spec.schedule is None else [LEARNING_RATE]
    return tuple(dict.fromkeys([*CURVES, *names, *scheduled]))


def _of_training(spec: ResolvedSpec) -> list[str]:
    graph = build_graph(spec.model, input_columns(spec))
    measured = ["loss", *chosen(tally_of(spec.loss, spec.metrics, graph.output_shape), spec.metrics)]
    parts = ["validation"] if spec.data.validation_fraction > 0 else []
    if spec.stop.goal(steps_per_epoch(spec))[1] == "train":
        parts.append("train")
    names = [f"{part}_{name}" for part in parts for name in measured]
    if isinstance(spec.model, ExpressionModel):
        return [*names, *(f"{mark}{name}" for name in spec.model.parameters for mark in ("", GRADIENT))]
    return [*names, *names_of(graph)]
