"""Predicting with what jobs learned; models that were used lately stay loaded."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from lockstep.core.ground.errors import InvalidData
from lockstep.core.learning.inference import Predictor, input_columns
from lockstep.core.spec import ResolvedSpec
from lockstep.service.store import jobs, specs, weights
from lockstep.service.store.damage import damaged
from lockstep.service.store.database import Database
from lockstep.service.store.errors import NotFound, Refused
from lockstep.service.store.jobs import Job
from lockstep.service.store.weights import StoredWeights

MAX_LOADED = 8


def learned_by(tx: Connection, job: Job) -> StoredWeights:
    """What the job learned; refuses where there is nothing (yet)."""
    try:
        return weights.load(tx, job.id)
    except NotFound as error:
        raise Refused("no_weights" if job.is_terminal else "result_not_ready", str(error)) from error


def require_model(kind: str) -> None:
    """Refuse what asks for a model of a job whose kind has none."""
    if kind != "train":
        message = f"expected a job of the kind train, got one of the kind {kind}, which has no model: its "
        raise Refused("no_model", message + "result.parameters are the numbers that it found")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says; `step` as in StoredWeights."""

    body: dict[str, Any]
    step: int | None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model, for one thread at a time: it computes in buffers of its own."""

    predictor: Predictor
    step: int | None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Predictors:
    """A small cache: weights never change once a job is over."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def predict(self, job_id: str, owner: str | None, x: list[Any]) -> Answer:
        """What the job's model answers for `x`: see core.learning.inference.Predictor.

        Raises NotFound, Refused without weights or without a model, Damaged, and InvalidData
        where `x` does not fit it.
        """
        with self._database.read() as tx:
            jobs.version_of(tx, job_id, owner)
            loaded = self._known(job_id) or self._load(tx, job_id)
        with loaded.lock:
            return Answer(body=loaded.predictor.predict(x), step=loaded.step)

    def _known(self, job_id: str) -> Loaded | None:
        with self._lock:
            loaded = self._loaded.get(job_id)
            if loaded is not None:
                self._loaded.move_to_end(job_id)
            return loaded

    def _load(self, tx: Connection, job_id: str) -> Loaded:
        job = jobs.summary(tx, job_id, None)
        require_model(job.kind)
        spec, stored = specs.load(tx, job_id).resolved(), learned_by(tx, job)
        if not isinstance(spec, ResolvedSpec):
            raise damaged("spec", job_id, f"it is of the kind {spec.kind}")
        try:
            predictor = Predictor(spec, stored.arrays(), stored.preprocessing(input_columns(spec)))
        except InvalidData as error:
            raise damaged("weights", job_id, error) from error
        loaded = Loaded(predictor=predictor, step=stored.step)
        with self._lock:
            self._loaded[job_id] = loaded
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
        return loaded
