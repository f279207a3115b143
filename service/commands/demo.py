"""`lockstep demo`: the digits on two workers, from nothing to an accuracy."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

import lockstep
from lockstep.service.client import ApiError, Client
from lockstep.service.commands.access import (
    DEFAULT_DATA_DIR,
    Access,
    CommandError,
    HomeOption,
    client_of,
    find_access,
    hint,
)
from lockstep.service.commands.progress import duration, follow
from lockstep.service.examples import example
from lockstep.service.local.commands import module_command

EXAMPLE = "digits"
START_SECONDS = 90.0
STOP_SECONDS = 20.0
TWO_WHATEVER_IT_COSTS = {"LOCKSTEP_GROUP_HELPERS": "all"}
"""On a fast machine the job is over before a helper would pay; the demo is there to show two workers."""


def demo(
    data_dir: HomeOption = DEFAULT_DATA_DIR,
) -> None:
    """Train the digits on two workers; joins the service of the data directory, else runs one meanwhile."""
    spec = example(EXAMPLE)
    with _service(data_dir) as access, client_of(access) as client:
        _await_worker(client, data_dir)
        started = time.monotonic()
        job = client.create_job(spec)
        typer.echo(f"Training {EXAMPLE}.json as {job['id']} at {access.url}")
        job = follow(client, job["id"], Console())
        seconds = time.monotonic() - started
        members = job["workers"]["most"]
    if job["status"] != "succeeded":
        raise CommandError(
            f"the job ended {job['status']}: {(job.get('error') or {}).get('message', 'no reason given')}"
        )
    typer.echo("\n".join(summary(job, data_dir, members=members, seconds=seconds)))


def summary(job: dict[str, Any], data_dir: Path, *, members: int, seconds: float) -> list[str]:
    """The demo's last lines."""
    result = job["result"]
    up = _command_that_serves(data_dir)
    workers = f"{members} worker{'' if members == 1 else 's'}"
    return [
        f"trained {result['steps']:,} steps on {workers} in {duration(seconds)}",
        f"test accuracy {result['metrics']['test_accuracy']:.2f}",
        f"digest {result['weights_sha256']}",
        f"The digest is the same on any number of workers. `{up}` serves the page with this job's curve.",
    ]


def _command_that_serves(data_dir: Path) -> str:
    """`make up` in a checkout's own folder, for `lockstep` need not be on the path there."""
    if data_dir != DEFAULT_DATA_DIR:
        return hint("up", data_dir)
    checkout = Path(lockstep.__file__).parents[1]
    return "make up" if Path.cwd() == checkout and (checkout / "Makefile").is_file() else hint("up", None)


@contextmanager
def _service(data_dir: Path) -> Iterator[Access]:
    """The service that answers in the data directory, or one of our own that ends with us."""
    running = _running(data_dir)
    if running is not None:
        yield running
        return
    typer.echo("Starting broker, database, API and two workers ...")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_path = data_dir / "up.log"
    with log_path.open("wb") as log:
        command = module_command("lockstep", "up", "--workers", "2", "--data-dir", str(data_dir))
        process = subprocess.Popen(  # noqa: S603
            command,
            env={**os.environ, **TWO_WHATEVER_IT_COSTS},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _await_service(process, data_dir, log_path)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # its children end with it
            process.wait()


def _await_worker(client: Client, data_dir: Path) -> None:
    """Wait until one is there; where none comes, the job would wait for ever."""
    deadline = time.monotonic() + START_SECONDS
    while not any(worker["present"] for worker in client.workers()["data"]):
        if time.monotonic() > deadline:
            raise CommandError(f"no worker came within {START_SECONDS:.0f} s; {data_dir / 'logs'} says why")
        time.sleep(0.05)


def _running(data_dir: Path) -> Access | None:
    try:
        access = find_access(data_dir)
        with client_of(access) as client:
            client.queue()
    except (CommandError, ApiError):
        return None
    return access


def _await_service(process: subprocess.Popen[bytes], data_dir: Path, log_path: Path) -> Access:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(f"the service did not start:\n{log_path.read_text(errors='replace').strip()}")
        if (data_dir / "url").exists():
            return find_access(data_dir)
        time.sleep(0.05)
    raise CommandError(
        f"the service did not answer within {START_SECONDS:.0f} s; see {log_path} and {data_dir / 'logs'}"
    )
