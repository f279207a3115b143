"""All settings of Lockstep: read from `LOCKSTEP_*` variables and from `.env` in the working directory.

Nothing is read at import: what starts a process calls `read_settings` once and hands the settings down.
`.env.example` lists every setting with its default and unit; a test keeps the two equal.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from lockstep.service.own_address import is_loopback, own_address
from lockstep.service.retention_settings import RetentionSettings
from lockstep.service.wrong_settings import words_of

EXAMPLE_API_KEY = "local-only-change-me"
"""The key of `.env.example`: start-up and `doctor` warn while it is in use."""

LOOPBACK_HOST_NAMES = ("localhost", "127.0.0.1", "[::1]")

ENV_FILE_VARIABLE = "LOCKSTEP_ENV_FILE"
"""Names the file in place of `.env`; empty: none is read."""
_PREFIX = "LOCKSTEP_"

BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel")
"""Of Celery's brokers those that Lockstep rings through."""

GroupHelpers = Literal["advised", "all"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class SettingsError(Exception):
    """The settings can't be read; the message names the setting and the file."""


class Settings(RetentionSettings):
    """The settings of one process, without a file's; a wrong value raises pydantic's ValidationError."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file_encoding="utf-8-sig",  # Windows' editors begin a file with a byte order mark
        extra="ignore",
        frozen=True,
    )

    database_url: str = Field(
        default="sqlite:///.lockstep/lockstep.db",
        min_length=1,
        description="SQLAlchemy's address of the database: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
    )
    broker_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        min_length=1,
        description="Celery's address of the broker (Redis or Valkey)",
    )
    api_key: SecretStr | None = Field(
        default=None, description="a key that the API accepts as an administrator's; only its hash is stored"
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address that the API listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="port that the API listens on")
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="path below which a reverse proxy serves the API, such as /lockstep",
    )
    keep_alive_seconds: int = Field(
        default=75, ge=1, le=3600, description="how long an idle connection of a client is kept open"
    )
    allowed_hosts: str = Field(
        default="",
        description="Host headers that the API answers to, separated by commas; empty: localhost alone when "
        "the API listens on loopback, else any",
    )
    group_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address on which a lead listens for its helpers; auto: this machine's own address",
    )
    group_helpers: GroupHelpers = Field(
        default="advised",
        description="which helpers a lead takes; advised: those with which a step is measured to be faster; "
        "all: as many as a job wants",
    )
    group_transport: Literal["auto", "shared_memory", "tcp"] = Field(
        default="auto",
        description="how members of a group on one host exchange numbers: by shared memory where that can be "
        "had, by nothing else, or by TCP as between hosts",
    )
    lease_seconds: float = Field(
        default=15.0, ge=1, le=3600, description="how long a claim holds without renewal"
    )
    renew_seconds: float = Field(default=2.0, gt=0, le=600, description="how often a claim is renewed")
    poll_seconds: float = Field(
        default=2.0, gt=0, le=600, description="how often an idle worker looks for a job by itself"
    )
    reconcile_seconds: float = Field(
        default=2.0, gt=0, le=600, description="how often lost attempts are evicted and waiting jobs rung for"
    )
    turn_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="how long a lead may hold its claim while others wait; 0: as long as its job takes",
    )
    host_rest_seconds: float = Field(
        default=60.0,
        ge=0,
        le=600,
        description="how long a host takes no jobs on which attempts at three jobs died in a row; 0: never",
    )
    step_timeout_seconds: float = Field(
        default=5.0, gt=0, le=600, description="how long a member may keep the others of its group waiting"
    )
    hung_seconds: float = Field(
        default=60.0,
        gt=0,
        le=86400,
        description="how long a step may go on without a sign of life before its process is ended; longer "
        "where the job's size or its usual step lets expect that",
    )
    checkpoint_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="longest time between two checkpoints"
    )
    max_body_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, le=1024**3, description="largest request body that the API reads"
    )
    cors_origins: str = Field(
        default="",
        description="origins whose pages may call the API from a browser, as https://app.example, separated "
        "by commas; empty: none",
    )
    max_job_bytes: int = Field(
        default=16 * 1024**3,
        ge=1024**2,
        le=1024**5,
        description="memory that a job may need on each of its workers; what would need more is refused",
    )
    max_bodies_bytes: int = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        le=1024**4,
        description="bytes of request bodies that one API process holds at a time; more of them wait",
    )
    body_seconds: float = Field(
        default=120.0, gt=0, le=3600, description="how long a request body may take to come, or wait to"
    )
    log_level: LogLevel = Field(default="INFO", description="the least that is logged")

    @field_validator("broker_url")
    @classmethod
    def _names_a_broker(cls, value: str) -> str:
        wanted = "expected redis://HOST:PORT/NUMBER, rediss:// or redis+socket:///PATH"
        scheme = urlsplit(value).scheme
        if scheme not in BROKER_SCHEMES:
            raise ValueError(f"{wanted}, got an address that starts with {scheme or 'none of them'}")
        if scheme in ("redis", "rediss"):
            parts = urlsplit(value)
            number = parts.path.strip("/")
            if "@" in f"{parts.path}{parts.query.partition('=')[0]}{parts.fragment}":
                raise ValueError(
                    f"{wanted}, got an @ behind the host: in a password / is %2F, ? %3F and # %23"
                )
            if number and not (number.isascii() and number.isdigit()):
                raise ValueError(f"{wanted}, got {number!r} for the number of the database")
            try:
                _ = parts.port
            except ValueError as error:
                raise ValueError(f"{wanted}, got a port that is not from 0 to 65535") from error
        return value

    @field_validator("api_key", mode="before")
    @classmethod
    def _empty_is_no_key(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("api_key")
    @classmethod
    def _key_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key = value.get_secret_value()
            if not (8 <= len(key) <= 256 and key.isascii() and key.isprintable() and " " not in key):
                raise ValueError(
                    f"expected 8 to 256 printable ASCII characters without spaces, got {len(key)} characters"
                    f"{'' if not 8 <= len(key) <= 256 else ' some of them others'}; choose another key"
                )
        return value

    @model_validator(mode="after")
    def _lease_outlives_renewals(self) -> "Settings":
        if self.renew_seconds * 2 > self.lease_seconds:
            raise ValueError(
                f"expected LOCKSTEP_RENEW_SECONDS of at most half of LOCKSTEP_LEASE_SECONDS "
                f"({self.lease_seconds:g}), got {self.renew_seconds:g}, with which a healthy worker would "
                "lose its job; lower it, or raise the lease"
            )
        return self

    def host_names(self) -> tuple[str, ...] | None:
        """Host names that the API answers to, in lower case; None: any.

        A loopback service that answered to any name could be reached by a web page through DNS rebinding.
        """
        named = tuple(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())
        if named:
            return None if "*" in named else named
        return LOOPBACK_HOST_NAMES if is_loopback(self.host) else None

    def allowed_origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())

    def group_address(self) -> str:
        """`group_host`, with `auto` resolved to this machine's first address that is not loopback."""
        return own_address() if self.group_host == "auto" else self.group_host

    def uses_example_key(self) -> bool:
        """Whether the API key is the one of `.env.example`, which everybody knows."""
        return self.api_key is not None and self.api_key.get_secret_value() == EXAMPLE_API_KEY


def read_settings(*, from_file: bool = True, **given: Any) -> Settings:
    """The settings of this process: `given` before variables before the file. Raises SettingsError."""
    name = os.environ.get(ENV_FILE_VARIABLE, ".env") if from_file else ""
    file = Path(name) if name else None
    if file is not None:
        _require_readable(file, named=ENV_FILE_VARIABLE in os.environ)
    try:
        return Settings(_env_file=file, **given)
    except ValidationError as error:
        faults = (_fault(one, file) for one in error.errors())
        raise SettingsError("\n  ".join(("the settings are wrong", *faults))) from error


def _require_readable(file: Path, *, named: bool) -> None:
    """Raise SettingsError where the file is there and can't be read, or was named and is not there."""
    without = f"mend it, or read none with {ENV_FILE_VARIABLE}="
    if file.is_fifo():
        return  # which can be read only once
    try:
        file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        if named:
            raise SettingsError(f"{ENV_FILE_VARIABLE} names {file}, which is not there") from error
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"the settings in {file.resolve()} are not UTF-8 text (line {line}): {without}"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"the settings in {file.resolve()} can't be read ({error.strerror}): {without}"
        ) from error


def _fault(error: Mapping[str, Any], file: Path | None) -> str:
    """One wrong setting, with where it came from."""
    setting = ".".join(map(str, error["loc"]))
    message = words_of(error, Settings.model_fields.get(setting))
    if not setting:
        return message
    name = f"{_PREFIX}{setting.upper()}"
    if name in {variable.upper() for variable in os.environ}:
        return f"{name} (a variable of the environment): {message}"
    return f"{name}{f' (in {file.resolve()})' if file and file.exists() else ''}: {message}"
