"""Metrics of a spec. Names and arithmetic are those of scikit-learn."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag

from lockstep.core.ground.fields import SpecModel, Whole

MAX_METRICS = 16

PlainMetricName = Literal[
    "accuracy", "precision", "recall", "f1", "roc_auc", "confusion_matrix", "mae", "rmse", "r2"
]
MetricName = Literal[PlainMetricName, "top_k_accuracy"]
METRIC_NAMES: tuple[str, ...] = get_args(MetricName)


class PlainMetric(SpecModel):
    """A metric without settings.

    For classes: accuracy; precision, recall and f1, with two classes of class 1, with more the mean over the
    classes; roc_auc (one against the rest) and confusion_matrix, both in the result alone. For values: mae,
    rmse and r2.
    """

    type: PlainMetricName


class TopKAccuracy(SpecModel):
    """How often the class is among the k with the largest outputs; called "top_3_accuracy" for k = 3."""

    type: Literal["top_k_accuracy"]
    k: Annotated[int, Whole(ge=1)] = 2
    """how many classes may be named"""


MetricSpec = PlainMetric | TopKAccuracy
"""What any metric of a spec is an instance of."""
METRIC_TAGS: dict[str, type[SpecModel]] = {"<metric>": PlainMetric, "<top_k_accuracy>": TopKAccuracy}
"""The branches of the union in pydantic's locations."""


def _spelled_out(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _kind_of_metric(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if name == "top_k_accuracy":
        return "<top_k_accuracy>"
    return "<metric>" if name in METRIC_NAMES else None


def _as_written(metric: MetricSpec) -> object:
    """The bare name where there is nothing to set."""
    return metric.type if isinstance(metric, PlainMetric) else metric.model_dump()


Metric = Annotated[
    Annotated[PlainMetric, Tag("<metric>")] | Annotated[TopKAccuracy, Tag("<top_k_accuracy>")],
    Discriminator(_kind_of_metric, custom_error_type="metric_type", custom_error_message="expected a metric"),
    BeforeValidator(_spelled_out, json_schema_input_type=MetricName | MetricSpec),
    PlainSerializer(_as_written),
]
"""A bare name is short for {"type": name}."""
Metrics = Annotated[tuple[Metric, ...], Field(max_length=MAX_METRICS)]
