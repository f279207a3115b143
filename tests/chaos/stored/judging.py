"""What may come of a damage: the same as without it, or words that say what is damaged. Nothing else."""

from __future__ import annotations

import numpy as np

from lockstep.service.store import history
from lockstep.service.store.errors import Corrupt, Damaged, NotFound
from tests.chaos.stored.damaging import BLOBS, SPEC, Hit
from tests.chaos.stored.jobs import Rest, answered, learned
from tests.worker.bench import Bench

TOLD, UNSEEN = "told", "unseen"


def judge(bench: Bench, rest: Rest, hit: Hit) -> tuple[str, list[str]]:
    """Whether the damage was told or made no difference, and the faults that were found.

    A job that is not over is led to its end first.
    """
    faults: list[str] = []
    told = False
    if not rest.ended:
        job = bench.lead()
        if job.status == "failed" and job.error is not None and job.error.code == "invalid_data":
            # Nothing else holds what it is to train.
            told = True
            if hit.what not in (SPEC, BLOBS):
                faults.append(f"lost: {job.error.message}")
        elif job.status != "succeeded":
            faults.append(f"lost: it is {job.status} ({job.status_reason}): {job.error}")
        elif job.result != rest.result:
            faults.append("its result is another")
        told |= "checkpoint_damaged" in bench.events(rest.job_id)
    told |= _judge_history(bench, rest, faults)
    if rest.ended or not told:
        told |= _judge_learned(bench, rest, faults)
    return TOLD if told else UNSEEN, faults


def _judge_history(bench: Bench, rest: Rest, faults: list[str]) -> bool:
    with bench.database.read() as tx:
        found = history.read(tx, rest.job_id)
    for name, points in found.series.items():
        if name not in rest.history:
            faults.append(f"a series {name!r} that there is not")
            continue
        true = rest.history[name]
        places = np.searchsorted(true.steps, points.steps)
        inside = places < len(true.steps)
        if not inside.all() or (true.steps[places] != points.steps).any():
            faults.append(f"{name}: steps that there are not")
        elif true.values[places].tobytes() != points.values.tobytes():
            faults.append(f"{name}: other numbers")
    if found.gaps:
        return True
    missing = [name for name in rest.history if name not in found.series]
    ended = bench.job(rest.job_id).status == "failed"
    if not ended and (
        missing or any(len(found.series[name].steps) < len(rest.history[name].steps) for name in found.series)
    ):
        faults.append("points are missing, and nobody says so")
    return False


def _judge_learned(bench: Bench, rest: Rest, faults: list[str]) -> bool:
    told = False
    try:
        if learned(bench, rest.job_id) != rest.weights:
            # Of a job that was cancelled an older checkpoint may serve, and says its step.
            told = bench.job(rest.job_id).status == "cancelled"
            if not told:
                faults.append("other weights")
    except (Damaged, NotFound):
        told = True
    try:
        if answered(bench, rest.job_id) not in (rest.answer, None):
            faults.append("another answer")
    except (Corrupt, NotFound):
        told = True
    return told
