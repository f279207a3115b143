"""How a command finds the service and gets in, and the options that commands share."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from lockstep.service.client import ApiError, Client
from lockstep.service.client_types import checked_job_id
from lockstep.service.commands.json_file import NotJson, parse_json
from lockstep.service.commands.output import speaks_unicode

DEFAULT_DATA_DIR = Path(".lockstep")


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


def _directory_of(given: str | Path) -> Path:
    # As a path "" is the working folder: a script whose variable is empty would fill it.
    if not str(given).strip():
        raise CommandError(
            f"expected a folder after --data-dir, got {str(given)!r}: name one, or leave --data-dir out "
            f"for {DEFAULT_DATA_DIR}"
        )
    return Path(given)


def _job_id_of(given: str) -> str:
    try:
        return checked_job_id(given)
    except ValueError as error:
        raise CommandError(f"{error}; `lockstep jobs` lists them") from error


HomeOption = Annotated[
    Path,
    typer.Option("--data-dir", metavar="DIR", parser=_directory_of, help="Where everything is kept."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        parser=_directory_of,
        help="Data directory of the local service.  [default: .lockstep]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, as the API gives it.")]
OwnJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""Of a command that asks no API."""
JobIdArgument = Annotated[
    str,
    typer.Argument(metavar="ID", parser=_job_id_of, help="The job's id; `lockstep jobs` lists them."),
]
OptionalJobIdArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", parser=_job_id_of, help="The job to show.  [default: all jobs]"),
]


def hint(command: str, data_dir: Path | None) -> str:
    """A command line to try next; it names the data directory where one was named before."""
    where = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"lockstep {command}{where}"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where the service is and the key to it."""

    url: str
    api_key: str | None


def find_access(data_dir: Path | None) -> Access:
    """The service that a command talks to.

    A `--data-dir` that was given names it, else LOCKSTEP_URL does, else the default data directory.
    LOCKSTEP_API_KEY comes before the directory's key, which is never sent to another service.
    """
    key = os.environ.get("LOCKSTEP_API_KEY") if data_dir is None else None
    named = os.environ.get("LOCKSTEP_URL") if data_dir is None else None
    if named:
        return Access(url=named, api_key=key)
    directory = data_dir or DEFAULT_DATA_DIR
    url = line_of(directory / "url")
    if url is None:
        raise CommandError(
            f"no service runs in {directory}: start one with `{hint('up', data_dir)}`, "
            "or name one with LOCKSTEP_URL"
        )
    return Access(url=url, api_key=key or line_of(directory / "api-key"))


def line_of(path: Path) -> str | None:
    """What a file of the data directory says; None where it is not there, or empty."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} holds no text: remove it; the next `lockstep up` makes a new one"
        ) from error


@contextmanager
def connected(data_dir: Path | None) -> Iterator[Client]:
    """A client of the service; when that does not answer or refuses the key, the error says what to do."""
    access = find_access(data_dir)
    try:
        with client_of(access) as client:
            yield client
    except ApiError as error:
        if error.status == 0:
            raise CommandError(error.detail) from error
        if error.status == 401:
            held = "is not accepted there" if access.api_key else "is missing"
            raise CommandError(f"the API key for {access.url} {held}; set LOCKSTEP_API_KEY") from error
        raise


def client_of(access: Access) -> Client:
    """A client, not yet connected; an address or a key that can be none is a CommandError."""
    try:
        return Client(access.url, access.api_key)
    except UnicodeEncodeError as error:
        raise CommandError(f"the API key for {access.url} holds characters that no key has") from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise CommandError(f"the service's address {access.url} can't be used: {error}") from error


def read_json(file: Path) -> Any:
    """The JSON in a file, or in the standard input for `-`."""
    name = "the standard input" if str(file) == "-" else str(file)
    try:
        return parse_json(_standard_input() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from error
    except NotJson as error:
        raise CommandError(f"{name} {error}") from error


def _standard_input() -> bytes:
    # None where it was closed.
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def echo_json(value: object) -> None:
    """Print a JSON value, readable and unwrapped."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not speaks_unicode()))
