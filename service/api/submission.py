"""What was posted as a job: its bytes read, checked and taken apart once, with nothing left to parse."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.core.ground.fields import MAX_SEED
from lockstep.core.spec import AnySpec, ResolvedSpec, TrainSpec
from lockstep.core.submission import Checked, checked
from lockstep.core.submission.check_start import Shapes, learned_shapes
from lockstep.service.api.admission import require_fitting
from lockstep.service.api.gradcheck import checked_gradients, require_checkable
from lockstep.service.api.merge_patch import merged
from lockstep.service.api.validation_models import GradientCheck, Validation
from lockstep.service.api.wire import dump_json, parse_json
from lockstep.service.errors import ApiProblem, refusal_of
from lockstep.service.problems import ProblemEntry
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import Parts, take_apart


@dataclass(frozen=True, kw_only=True)
class Cloned:
    """A job that is to be made again, with changes.

    `labels` are keys of a spec that a job has beside its own, where they may have changed; None for none.
    """

    job_id: str
    spec_bytes: int
    """so many in front of the body are its spec, as JSON"""
    labels: Mapping[str, JsonValue]
    max_bytes: int
    """so long may the spec be with its changes, as JSON"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is wanted of a body, and for whom."""

    owner_id: str
    key_id: str
    max_job_bytes: int
    has_key: bool = False
    """whether an Idempotency-Key came with it, which needs the body's digest"""
    validate_only: bool = False
    gradcheck: bool = False
    cloned: Cloned | None = None
    """the job whose spec the body patches"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """The job whose weights a job starts with, and the shapes that they must have.

    `step`: after how many of its steps; None: as it ended. `cloned_from`: the job whose spec this one has,
    with changes, and which may have pinned the same weights.
    """

    job_id: str
    step: int | None
    shapes: Shapes
    cloned_from: str | None


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A job that may be made. `blob` holds the bytes of the blob that its spec names, if it names one."""

    job: NewJob
    start: Start | None
    body_sha256: str | None
    validation: str | None
    """the answer to validate_only, as JSON"""
    blob: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why there is none, as a value: errors with arguments of their own don't cross to another process."""

    status: int
    detail: str
    code: str
    errors: tuple[ProblemEntry, ...]

    def problem(self) -> ApiProblem:
        """The error that answers so."""
        return ApiProblem(self.status, self.detail, code=self.code, errors=self.errors)


def read_submission(body: bytes, asked: Asked) -> Submission | Refusal:
    """The job that a body describes, or what is wrong with it."""
    try:
        return _submission(body, asked)
    except Exception as error:
        problem = error if isinstance(error, ApiProblem) else refusal_of(error)
        if problem is None:
            raise
        return Refusal(
            status=problem.status, detail=problem.detail, code=problem.code, errors=tuple(problem.errors)
        )


def _submission(body: bytes, asked: Asked) -> Submission:
    sent = parse_json(body if asked.cloned is None else body[asked.cloned.spec_bytes :])
    raw = sent if asked.cloned is None else _patched(body, sent, asked.cloned)
    found = checked(raw, lambda: secrets.randbelow(MAX_SEED + 1))
    resolved, facts = found.spec, found.facts
    start = None
    if isinstance(resolved, ResolvedSpec) and facts is not None:
        require_fitting(resolved, facts, asked.max_job_bytes)
        if resolved.start_job is not None:
            shapes = learned_shapes(facts)
            source = None if asked.cloned is None else asked.cloned.job_id
            start = Start(
                job_id=resolved.start_job, step=resolved.start_step, shapes=shapes, cloned_from=source
            )
    if asked.gradcheck:
        require_checkable(resolved, validate_only=asked.validate_only)
    parts = take_apart(resolved)
    validation = None
    if asked.validate_only:
        check = checked_gradients(resolved) if asked.gradcheck else None
        validation = _validation(found, parts.stored.held, check)
    return Submission(
        job=_new_job(found, asked, parts),
        start=start,
        body_sha256=_digest(sent, asked) if asked.has_key else None,
        validation=validation,
        blob=parts.blob,
    )


def _patched(body: bytes, patch: object, cloned: Cloned) -> object:
    """The spec of a clone, as if it had been posted."""
    spec = json.loads(body[: cloned.spec_bytes]) | cloned.labels
    raw = merged({key: value for key, value in spec.items() if value is not None}, patch)
    # Else clones of clones could grow beyond what anybody may post.
    if len(body) > cloned.max_bytes and len(dump_json(raw)) > cloned.max_bytes:
        message = f"expected at most {cloned.max_bytes} bytes in the spec with its changes"
        raise ApiProblem(413, f"{message}; LOCKSTEP_MAX_BODY_BYTES sets the limit")
    return raw


def _new_job(found: Checked, asked: Asked, parts: Parts) -> NewJob:
    spec = found.spec
    return NewJob(
        owner_id=asked.owner_id,
        asked_by=asked.key_id,
        cloned_from=None if asked.cloned is None else asked.cloned.job_id,
        spec=parts.stored,
        spec_sha256=parts.sha256,
        steps=found.steps,
        workers=spec.most_workers,
        kind=spec.kind,
        name=spec.name,
        priority=spec.priority,
        max_run_seconds=spec.max_run_seconds,
        max_queue_seconds=spec.max_queue_seconds,
        metadata=spec.metadata,
        keep_last=None if spec.checkpoints is None else spec.checkpoints.keep_last,
    )


def _digest(sent: object, asked: Asked) -> str:
    return body_digest(sent) if asked.cloned is None else clone_digest(asked.cloned.job_id, sent)


def clone_digest(job_id: str, patch: object) -> str:
    """The `body_digest` of a clone's request, which says of which job too."""
    return body_digest({"clone": job_id, "patch": patch})


def body_digest(raw: object) -> str:
    """The same for the same JSON, however spaced and in any order of keys."""
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _seed_of(sent: AnySpec) -> dict[str, int | None]:
    return {"seed": sent.seed} if isinstance(sent, TrainSpec) else {}


def _validation(found: Checked, held: str, check: GradientCheck | None) -> str:
    validation: Validation = {
        "object": "job.validation",
        "valid": True,
        "steps": found.steps,
        "gradient_check": check,
        "spec": json.loads(held) | _seed_of(found.sent),
    }
    return dump_json(validation).decode()
