"""A job through the whole service."""

from typing import Any

from benchmarks.service import Service, finish

PAUSE_SECONDS = 0.25
"""Between two looks at a job: they take from the same cores."""


def run_ms_and_digest(service: Service, raw: dict[str, Any]) -> tuple[float, str]:
    """From the claim to the end, in milliseconds, with all that is written; and the digest of the weights."""
    created = service.client.create_job(raw)
    done = finish(service.client, created["id"], pause_seconds=PAUSE_SECONDS)
    return done["timings"]["run_ms"], done["result"]["weights_sha256"]
