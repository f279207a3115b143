"""Whether a job fits into a worker's memory, looked at before it is made."""

from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission.facts import Facts
from lockstep.core.submission.footprint import footprint


def require_fitting(spec: ResolvedSpec, facts: Facts, limit: int) -> None:
    """Refuse a job that needs more than `limit` bytes on a worker; SpecError says what for."""
    needed = footprint(spec, facts)
    if needed.total <= limit:
        return
    parts = {
        "/data": (needed.rows, "the rows", "give fewer rows"),
        "/model": (needed.parameters + needed.sums, "parameters and optimizer", "make the layers narrower"),
        "/batch_size": (
            needed.activations,
            "a shard's values and gradients",
            "lower batch_size, or raise shards",
        ),
        "/model/layers": (
            needed.evaluation,
            "an evaluation",
            "make the layers narrower, or the rows shorter",
        ),
    }
    pointer, (_, _, remedy) = max(parts.items(), key=lambda part: part[1][0])
    shares = ", ".join(f"{size} for {what}" for size, what, _ in parts.values())
    limited = f"at most {limit} bytes (LOCKSTEP_MAX_JOB_BYTES)"
    message = f"expected a job of {limited}, got one of {needed.total}: {shares}; {remedy}"
    raise SpecError([Problem(pointer=pointer, code="job_too_large", message=message)])
