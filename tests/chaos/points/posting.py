"""What a user has at hand in a story: an API without HTTP, a key, and a job to post."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from lockstep.service.api.submission import Asked, Submission, read_submission
from lockstep.service.app import create_app
from lockstep.service.services import Services
from lockstep.service.settings import Settings
from lockstep.service.store.database import moment
from lockstep.service.store.keys import ApiKey
from tests.worker.bench import Bench
from tests.worker.every_step import JOBS

KEY = ApiKey(id="key_1", owner_id="owner", name="", scopes=frozenset({"admin"}), created_at=moment(0.0))
MUCH: Mapping[str, object] = {"x": [each / 7 for each in range(5_000)], "y": [1.0] * 5_000}
"""Data that are a blob of their own, beside the job's row."""


def services_of(bench: Bench) -> Services:
    """What the routes of an API process on the bench's database share, with a bell that nobody hears."""
    return replace(_services(bench.settings.database_url), database=bench.database, bell=bench.bell)


@cache
def _services(url: str) -> Services:
    services: Services = create_app(Settings(database_url=url)).state.services
    return services


def submission() -> Submission:
    """A job whose data are a blob, as it was posted."""
    body = json.dumps({**JOBS["formula"][0], "seed": 7, "data": {"inline": MUCH}}).encode()
    asked = Asked(
        owner_id="owner",
        key_id="key_1",
        max_job_bytes=2**30,
        has_key=True,
        validate_only=False,
        gradcheck=False,
    )
    read = read_submission(body, asked)
    assert isinstance(read, Submission), read
    assert read.blob is not None, "expected data that are a blob of their own"
    return read
