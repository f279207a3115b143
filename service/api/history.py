"""/v1/jobs/{id}/history: the recorded values of a job."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, NotRequired

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection
from typing_extensions import TypedDict

from lockstep.core.ground.errors import ExpressionError
from lockstep.core.submission.series import CURVES, series_of
from lockstep.service.api.conditions import UNCHANGED, JobId, conditional, wrong_parameter
from lockstep.service.api.models import Number, answer
from lockstep.service.api.schema import DAMAGED, problems
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import history, jobs, specs
from lockstep.service.store import series as stored_series
from lockstep.service.store.damage import damaged, explained
from lockstep.service.store.errors import Damaged
from lockstep.service.store.history import Gap as StoredGap
from lockstep.service.store.sampling import Sampled

router = APIRouter(tags=["history"])

MAX_SERIES = 100
MAX_SHOWN = 20


@answer
class Points(TypedDict):
    """The points of one series; of one longer than `max_points`, one point of each bucket.

    Of such a series `min`, `max` and `mean` are over the finite values of each bucket ("NaN" where it has
    none), and `count` says how many points are in it; else the four are absent. The first bucket's point is
    the first of the series, the last one's the last.
    """

    steps: Sequence[int]
    values: Sequence[Number]
    min: NotRequired[Sequence[Number] | None]
    max: NotRequired[Sequence[Number] | None]
    mean: NotRequired[Sequence[Number] | None]
    count: NotRequired[Sequence[int] | None]


@answer
class Gap(TypedDict):
    """Points of a series that can't be read any more."""

    series: str
    first_step: int
    last_step: int
    message: str
    """why not, and what to do"""


@answer
class History(TypedDict):
    """The series by name."""

    series: Mapping[str, Points]
    damaged: Sequence[Gap]
    """their parts that can't be read any more; empty where all is well"""


@router.get(
    "/jobs/{job_id}/history",
    response_model=History,
    responses={**UNCHANGED, **problems({410: DAMAGED})},
    summary="Read a job's history",
)
def read_history(  # noqa: PLR0913  (one argument for each parameter of the address)
    request: Request,
    services: TheServices,
    key: Reader,
    job_id: JobId,
    series: Annotated[
        str | None, Query(max_length=4096, description="names, separated by commas; all series if not given")
    ] = None,
    max_points: Annotated[
        int | None,
        Query(
            ge=2,
            le=1_000_000,
            description="a series with more points comes in this many buckets of neighbours: one point "
            "of each, and the least, the greatest and the mean value of the bucket",
        ),
    ] = None,
    since_step: Annotated[
        int | None, Query(ge=-1, le=2**62, description="only points after this step")
    ] = None,
) -> Response:
    """Every point, or `max_points` buckets of each series; a series without points is left out.

    Of damaged series, the points that can still be read; where there is nothing but damage, 410.
    """
    names = None if series is None else _names(series)
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, key.sees)
        if names is not None:
            _require_known(tx, job_id, names)
        found = history.read(tx, job_id, names, since_step, max_points)
    if found.gaps and not found.series:
        raise damaged("history", job_id, f"{found.gaps[0].series}: {found.gaps[0].reason}")
    body: History = {
        "series": {name: _series(points) for name, points in found.series.items()},
        "damaged": [_gap(gap) for gap in found.gaps],
    }
    return conditional(request, dump_json(body), {})


def _series(points: Sampled) -> Points:
    series: Points = {"steps": points.steps.tolist(), "values": points.values.tolist()}
    buckets = points.buckets
    if buckets is None:
        return series
    return {
        **series,
        "min": buckets.min.tolist(),
        "max": buckets.max.tolist(),
        "mean": buckets.mean.tolist(),
        "count": buckets.count.tolist(),
    }


def _names(series: str) -> list[str]:
    names = [name.strip() for name in series.split(",") if name.strip()]
    if not names or len(names) > MAX_SERIES or not series.isprintable():
        message = f"expected 1 to {MAX_SERIES} names, separated by commas, got {len(names)}"
        raise wrong_parameter("series", message)
    return names


def _require_known(tx: Connection, job_id: str, names: list[str]) -> None:
    """Refuse a name that no point of this job can ever have."""
    unknown = [name for name in names if name not in CURVES]
    if not unknown:
        return
    try:
        known = {*series_of(specs.load(tx, job_id).resolved()), *stored_series.names(tx, job_id)}
    except (Damaged, ExpressionError):
        return  # the spec can't tell any more; what is recorded is shown all the same
    unknown = [name for name in unknown if name not in known]
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        shown = ", ".join(sorted(known)[:MAX_SHOWN]) + (", ..." if len(known) > MAX_SHOWN else "")
        hint = f"did you mean {close[0]!r}?" if close else f"there are {shown}"
        message = f"expected series of this job, got {unknown[0][:80]!r}; {hint}"
        raise wrong_parameter("series", message, "unknown_series")


def _gap(gap: StoredGap) -> Gap:
    place = f"steps {gap.first_step} to {gap.last_step} of {gap.series}"
    return {
        "series": gap.series,
        "first_step": gap.first_step,
        "last_step": gap.last_step,
        "message": f"{place} {explained(gap.reason)}",
    }
