"""Commands that do something to a job: cancel, pause, resume, clone, edit, delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.service.client import Client
from lockstep.service.commands.access import (
    CommandError,
    DataDirOption,
    JobIdArgument,
    JsonOption,
    connected,
    echo_json,
    hint,
    read_json,
)
from lockstep.service.commands.json_file import NotJson, parse_json

CLEARED = ""
"""What --name takes for no name."""


def cancel(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Cancel a job. What it has learned so far stays: `weights` saves it."""
    with connected(data_dir) as client:
        _tell(client.cancel(job_id), as_json=as_json)


def pause(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Pause a job: its worker saves a checkpoint and lets go of it until `resume`."""
    with connected(data_dir) as client:
        _tell(client.pause(job_id), as_json=as_json)


def resume(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Let a paused job go on from where it was, to the same bits."""
    with connected(data_dir) as client:
        _tell(client.resume(job_id), as_json=as_json)


def clone(
    job_id: JobIdArgument,
    patch: Annotated[
        str | None,
        typer.Option(
            "--patch",
            metavar="FILE|JSON",
            help="What is to be otherwise in the new job's spec, as a JSON merge patch: an object, or a file "
            "with one; - is the standard input. For example '{\"epochs\": 50}'.",
        ),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Submit a job's spec once more, the same or changed."""
    changes = {} if patch is None else _object_in(patch)
    with connected(data_dir) as client:
        job = client.clone(job_id, changes)
    if as_json:
        echo_json(job)
    else:
        follow_it = hint(f"watch {job['id']}", data_dir)
        typer.echo(f"{job['id']} {job['status']}; follow it with: {follow_it}")


def edit(  # noqa: PLR0913  (one argument for each option)
    job_id: JobIdArgument,
    priority: Annotated[
        int | None,
        typer.Option("--priority", metavar="N", help="The greater, the sooner: -100 to 100."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Another name; '' takes it away.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", metavar="KEY=VALUE", help="Set a pair of the metadata; may be repeated."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="KEY", help="Take a key out of the metadata; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Change a job's priority, name or metadata; what it computes stays as it was sent."""
    pairs: dict[str, str | None] = dict(_pair(text) for text in metadata or ())
    pairs.update(dict.fromkeys(remove or ()))
    patch: dict[str, Any] = {}
    if priority is not None:
        patch["priority"] = priority
    if name is not None:
        patch["name"] = None if name == CLEARED else name
    if pairs:
        patch["metadata"] = pairs
    if not patch:
        raise CommandError("nothing to change: name it with --priority, --name, --metadata or --remove")
    with connected(data_dir) as client:
        job = client.edit(job_id, patch)
    if as_json:
        echo_json(job)
    else:
        told = " ".join(f"{key}={value}" for key, value in (job["metadata"] or {}).items())
        typer.echo(f"{job['id']} priority {job['priority']}  {job['name'] or ''}  {told}".rstrip())


def delete(
    job_id: JobIdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Delete a job that is over, with all that it has learned and recorded."""
    with connected(data_dir) as client:
        if not yes:
            _ask(client, job_id)
        gone = client.delete(job_id)
    if as_json:
        echo_json(gone)
    else:
        typer.echo(f"{gone['id']} deleted")


def _ask(client: Client, job_id: str) -> None:
    """Ask on the standard error, so that JSON can be piped; exit where the answer is no.

    Of a job that is not over the service will say so.
    """
    job = client.job(job_id)
    if job["is_terminal"]:
        called = f"{job_id} ({job['name']})" if job["name"] else job_id
        question = f"Delete {called}, {job['status']}, with its weights and history?"
        typer.confirm(question, abort=True, err=True)


def _tell(job: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json(job)
    else:
        typer.echo(f"{job['id']} {job['status']}")


def _object_in(given: str) -> dict[str, Any]:
    """The JSON object that stands in the argument itself, or in the file that it names."""
    if given.lstrip()[:1] == "{":
        try:
            found = parse_json(given.encode())
        except NotJson as error:
            raise CommandError(f"--patch {error}") from error
    else:
        found = read_json(Path(given))
    if not isinstance(found, dict):
        raise CommandError(f"--patch: expected a JSON object, got {json.dumps(found)[:80]}")
    return found


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise CommandError(f"--metadata: expected KEY=VALUE, got {text[:80]!r}")
    return key, value
