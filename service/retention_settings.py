"""The settings that say how long what is stored stays."""

from pydantic import Field
from pydantic_settings import BaseSettings

DAY_SECONDS = 24 * 3600.0
MAX_SECONDS = 100 * 365 * DAY_SECONDS


class RetentionSettings(BaseSettings):
    """How long things stay, in seconds; 0: for ever."""

    keep_checkpoints_seconds: float = Field(
        default=DAY_SECONDS,
        ge=0,
        le=MAX_SECONDS,
        description="how long checkpoints of jobs that are over stay; 0: for ever. The last of a job that "
        "failed or was cancelled stays as long as the job, and so do those that its spec asks to keep",
    )
    keep_answers_seconds: float = Field(
        default=DAY_SECONDS,
        ge=0,
        le=MAX_SECONDS,
        description="how long computed gradients and walks stay; 0: for ever",
    )
    keep_idempotency_keys_seconds: float = Field(
        default=7 * DAY_SECONDS,
        ge=0,
        le=MAX_SECONDS,
        description="how long a POST that is sent again is known by its Idempotency-Key; 0: for ever",
    )
    keep_jobs_seconds: float = Field(
        default=0.0,
        ge=0,
        le=MAX_SECONDS,
        description="how long jobs stay after their end, with all that is theirs; 0: for ever",
    )
