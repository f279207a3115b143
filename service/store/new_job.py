"""A job before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockstep.service.store.specs import StoredSpec


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Of a job that trains another again: the other's id, the digest of its weights.

    `fingerprint` is that of the workers that can compare, by this version's arithmetic; None: any can.
    `chaos`: members are to come and go at random.
    """

    verifies: str
    expected_sha256: str
    fingerprint: str | None
    chaos: bool


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """What a user submitted: the resolved spec in its parts, and what the store looks jobs up by.

    `spec_sha256` is that of the whole spec; the blob that the parts name is kept already. `steps` is the most
    steps that can come. `max_run_seconds`, `max_queue_seconds` and `keep_last` (of its latest checkpoints)
    stand in the spec too. `start_sha256` names the weights that it begins with, where they are another job's.
    `cloned_from`: the id of the job that it is made of; `asked_by`: that of the key that asked for it.
    """

    owner_id: str
    spec: StoredSpec
    spec_sha256: str
    steps: int
    workers: int = 1
    kind: str = "train"
    name: str | None = None
    priority: int = 0
    max_run_seconds: float | None = None
    max_queue_seconds: float | None = None
    start_sha256: str | None = None
    keep_last: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    cloned_from: str | None = None
    asked_by: str | None = None
    verification: Verification | None = None
