"""All metrics by their names, and what a spec may say of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import BeforeValidator, Field, PlainSerializer

from lockstep.core.ground.words import Vocabulary, branches, chosen_by_type, spelled_out
from lockstep.core.losses.base import Measured
from lockstep.core.metrics.base import Metric, MetricSpec
from lockstep.core.metrics.counts import F1, Accuracy, ConfusionMatrix, Precision, Recall
from lockstep.core.metrics.ranks import RocAuc
from lockstep.core.metrics.top_k import TopK
from lockstep.core.metrics.values import R2, MeanAbsoluteError, RootMeanSquaredError

MAX_METRICS = 16

_WORDS: tuple[type[Metric], ...] = (
    Accuracy,
    Precision,
    Recall,
    F1,
    RocAuc,
    ConfusionMatrix,
    MeanAbsoluteError,
    RootMeanSquaredError,
    R2,
    TopK,
)
NEEDS: Mapping[str, str] = {
    "__doc__": "what people are told of it",
    "aliases": "what other systems call it, () if nothing",
    "measured": "what is compared under the losses that it goes with",
    "usual": "whether it follows each epoch where the spec names none",
}
METRICS: Vocabulary[type[Metric]] = Vocabulary("metric", NEEDS, ((word.name, word) for word in _WORDS))
_PLAIN = tuple(name for name, word in METRICS.items() if word.settings is None)


class PlainMetric(MetricSpec):
    """A metric without settings.

    For classes: accuracy; precision, recall and f1, with two classes of class 1, with more the mean over the
    classes; roc_auc (one against the rest) and confusion_matrix, both in the result alone. For values: mae,
    rmse and r2.
    """

    if TYPE_CHECKING:
        type: str
    else:
        type: Literal[_PLAIN]


_TAG = "<{}>"
_SETTINGS = {name: word.settings or PlainMetric for name, word in METRICS.items()}
METRIC_TAGS = branches(_SETTINGS, _TAG)
"""The branches of the union in pydantic's locations."""


def metric_of(spec: MetricSpec) -> Metric:
    """The metric that a spec means."""
    return METRICS[spec.type](spec)


_UNASKED = tuple(metric_of(PlainMetric(type=name)) for name in _PLAIN)


def metrics_under(measured: Measured, asked: Sequence[MetricSpec] | None) -> list[Metric]:
    """All metrics that go with losses under which this is compared; those with settings as they are asked."""
    plain = [metric for metric in _UNASKED if measured in metric.measured]
    given = {metric.called: metric for metric in map(metric_of, asked or ()) if metric.settings is not None}
    fitting = [metric for metric in given.values() if measured in metric.measured]
    return [*plain, *sorted(fitting, key=lambda metric: (metric.name, metric.order))]


def _as_written(metric: MetricSpec) -> object:
    """The bare name where there is nothing to set."""
    return metric.type if METRICS[metric.type].settings is None else metric.model_dump()


if TYPE_CHECKING:
    AnyMetric = MetricSpec
else:
    AnyMetric = Annotated[
        chosen_by_type(_SETTINGS, _TAG, error="metric_type", expected="a metric"),
        BeforeValidator(
            spelled_out, json_schema_input_type=Union[(Literal[tuple(METRICS)], *METRIC_TAGS.values())]
        ),
        PlainSerializer(_as_written),
    ]
"""A bare name is short for {"type": name}."""
Metrics = Annotated[tuple[AnyMetric, ...], Field(max_length=MAX_METRICS)]
