"""What monitoring is told, in Prometheus' text: sums of the database, and how things stand now."""

from collections import Counter as Tallied
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from lockstep.core.group.refusals import WhyRefused
from lockstep.service.store import counters, queue, workers
from lockstep.service.store.counted import COUNTED, REFUSED_FRAMES
from lockstep.service.store.counters import BEYOND, Counter, Histogram, Observed, Totals
from lockstep.service.store.statuses import UNFINISHED
from lockstep.service.store.workers import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus' text format."""


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Something that goes up and down."""

    name: str
    words: str
    labels: tuple[str, ...] = ()


DATABASE_UP = Gauge(
    name="lockstep_database_up", words="1 while the database answers this API process, else 0."
)
DATABASE_HAS_ROOM = Gauge(
    name="lockstep_database_has_room", words="0 while the disk of the database is known to be full, else 1."
)
BROKER_UP = Gauge(
    name="lockstep_broker_up", words="1 while the broker answers this API process, else 0; 5 s old at most."
)
JOBS = Gauge(name="lockstep_jobs", words="Jobs that are not over, by status.", labels=("status",))
OLDEST = Gauge(
    name="lockstep_queue_oldest_seconds", words="How long the oldest queued job has waited; 0 without one."
)
WORKERS = Gauge(
    name="lockstep_workers", words="Workers that are present, by what they do.", labels=("state",)
)
# Not in the catalogue: a worker's main process has it too, and needs nothing of the core.
_REASONS = tuple((reason,) for reason in get_args(WhyRefused))
GAUGES = (DATABASE_UP, DATABASE_HAS_ROOM, BROKER_UP, JOBS, OLDEST, WORKERS)
"""All of them."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the database tells at one moment."""

    totals: Totals
    jobs: Mapping[str, int]
    oldest_queued_seconds: float
    workers: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What an API process reaches: the database and the broker. `has_room` as `Database.shortage`."""

    database: bool
    has_room: bool
    broker: bool


def standing(tx: Connection) -> Standing:
    """How things stand."""
    counts = queue.queue_counts(tx, None)
    return Standing(
        totals=counters.totals(tx),
        jobs=counts.jobs,
        oldest_queued_seconds=counts.oldest_queued_seconds or 0.0,
        workers=Tallied(worker.state for worker in workers.list_workers(tx) if worker.present),
    )


def exposition(reach: Reach, found: Standing | None) -> bytes:
    """The text; without `found` only of what can be reached."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(_families(reach, found)))
    return generate_latest(registry)


class _Found(Collector):
    """Families that were made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(reach: Reach, found: Standing | None) -> Iterator[Metric]:
    yield _gauge(DATABASE_UP, {(): reach.database})
    yield _gauge(DATABASE_HAS_ROOM, {(): reach.has_room})
    yield _gauge(BROKER_UP, {(): reach.broker})
    if found is None:
        return
    yield _gauge(JOBS, {(status,): found.jobs.get(status, 0) for status in UNFINISHED})
    yield _gauge(OLDEST, {(): found.oldest_queued_seconds})
    yield _gauge(WORKERS, {(state,): found.workers.get(state, 0) for state in get_args(State)})
    for counter in COUNTED:
        if isinstance(counter, Histogram):
            yield _histogram(counter, found.totals.observed(counter))
        else:
            yield _counter(counter, found.totals.of(counter))


def _gauge(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.words, labels=gauge.labels)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family


def _counter(counter: Counter, values: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(counter.name, counter.words, labels=counter.labels)
    for labels in _all_labels(counter, values):
        family.add_metric(labels, values.get(labels, 0.0))
    return family


def _histogram(histogram: Histogram, values: Mapping[tuple[str, ...], Observed]) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.words, labels=histogram.labels)
    for labels in _all_labels(histogram, values):
        observed = values.get(labels, Observed(counts={}, total=0.0))
        count, buckets = 0.0, []
        for bound in histogram.bounds:
            count += observed.counts.get(f"{bound:g}", 0.0)
            buckets.append((str(bound), count))
        buckets.append((BEYOND, count + observed.counts.get(BEYOND, 0.0)))
        family.add_metric(labels, buckets, observed.total)
    return family


def _all_labels(counter: Counter, values: Mapping[tuple[str, ...], object]) -> list[tuple[str, ...]]:
    """Those that have counted, and those that can: a series that begins above 0 hides its first step."""
    known = _REASONS if counter is REFUSED_FRAMES else counter.known if counter.labels else ((),)
    return sorted({*known, *values})
