"""Commands that list: jobs, the queue, workers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lockstep.service.client import Client
from lockstep.service.commands.access import CommandError, DataDirOption, JsonOption, connected, echo_json
from lockstep.service.commands.columns import Column, table_lines, terminal_width
from lockstep.service.commands.jobs import number
from lockstep.service.commands.progress import duration

MOVING_SECONDS = 1.0
STILL_SECONDS = 5.0

JOB_COLUMNS = (
    Column(heading="id"),
    Column(heading="name", is_text=True),
    Column(heading="status"),
    Column(heading="step", is_right=True),
    Column(heading="result", is_right=True),
    Column(heading="age", is_right=True),
)
QUEUE_COLUMNS = (
    Column(heading="place", is_right=True),
    Column(heading="job"),
    Column(heading="priority", is_right=True),
    Column(heading="owner", is_text=True),
    Column(heading="waits for"),
    Column(heading="since", is_right=True),
)
WORKER_COLUMNS = (
    Column(heading="id"),
    Column(heading="state"),
    Column(heading="job"),
    Column(heading="host", is_text=True),
    Column(heading="pid", is_right=True),
    Column(heading="fingerprint"),
    Column(heading="seen", is_right=True),
)


def jobs(  # noqa: PLR0913  (one argument for each option)
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only of this status, or of several: queued,running.")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only train, minimize or solve.")] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this in the name.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only with this metadata; repeatable."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER",
            help='By created_at, started_at, finished_at, run_ms or name; "-" before it: in reverse.',
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 20,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing them until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """List the jobs, newest first."""
    asked: dict[str, Any] = {"status": status, "kind": kind, "name": name, "order": order, "limit": limit}
    asked["metadata"] = dict(_pair(text) for text in metadata or ())
    with connected(data_dir) as client:
        if watch:
            _watch(_pages(client, asked), as_json=as_json)
            return
        page = client.list_jobs(**asked)
    if as_json:
        echo_json(page)
    else:
        typer.echo("\n".join(job_table(page, terminal_width(), datetime.now(UTC))))


def queue(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List the jobs that wait, in the order in which workers will take them."""
    with connected(data_dir) as client:
        found = client.queue()
    if as_json:
        echo_json(found)
        return
    typer.echo("\n".join(queue_table(found, terminal_width())))


def workers(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List the workers that the service has heard of lately, and what each does."""
    with connected(data_dir) as client:
        page = client.workers()
    if as_json:
        echo_json(page)
        return
    now = datetime.now(UTC)
    rows = [
        (
            worker["id"],
            _state(worker, now),
            worker["job_id"] or "-",
            worker["host"],
            str(worker["pid"]),
            (worker["fingerprint"] or "-")[:12],
            age(worker["heartbeat_at"], now),
        )
        for worker in page["data"]
    ]
    typer.echo("\n".join(table_lines(WORKER_COLUMNS, rows, terminal_width())))


def queue_table(found: Mapping[str, Any], width: int | None) -> list[str]:
    """What waits as lines of at most `width` cells, after a line of counts."""
    counts = ", ".join(f"{count} {status}" for status, count in found["jobs"].items() if count)
    idle = found["workers"]["idle"]
    rows = [
        (
            str(each["position"]),
            each["job_id"],
            str(each["priority"]),
            each["owner"],
            each["reason"] or "-",
            duration(each["queued_seconds"]),
        )
        for each in found["waiting"]
    ]
    lines = [f"jobs: {counts or 'none'}; workers: {sum(found['workers'].values())}, {idle} of them idle"]
    return [*lines, *table_lines(QUEUE_COLUMNS, rows, width)] if rows else lines


def job_table(page: Mapping[str, Any], width: int | None, now: datetime) -> list[str]:
    """A page of jobs as lines of at most `width` cells."""
    lines = table_lines(JOB_COLUMNS, [_row(job, now) for job in page["data"]], width)
    return [*lines, "... and more; see --limit"] if page["has_more"] else lines


def age(moment: str, now: datetime) -> str:
    """How long ago an RFC 3339 time was: 40 s, 5 min, 2 h, 3 d."""
    seconds = max(int((now - datetime.fromisoformat(moment)).total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _state(worker: Mapping[str, Any], now: datetime) -> str:
    if not worker["present"]:
        return "not heard of"
    resting = worker.get("resting")
    if resting is None:
        return str(worker["state"])
    seconds = max((datetime.fromisoformat(resting) - now).total_seconds(), 0.0)
    return f"{worker['state']}, rests {duration(seconds)}"


def _row(job: Mapping[str, Any], now: datetime) -> Sequence[str]:
    progress, result = job["progress"], job.get("result") or {}
    step, name = f"{progress['step']:,}", (job.get("name") or "").strip()
    return (
        job["id"],
        name if any(letter.isprintable() for letter in name) else "",
        job["status"],
        step if job["status"] == "succeeded" else f"{step}/{progress['steps']:,}",
        number(result.get("value", result.get("loss")), digits=4),
        age(job["created_at"], now),
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CommandError(f"--metadata: expected KEY=VALUE, got {text!r}")
    return key, value


def _pages(client: Client, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The list again and again, more often while something on it moves."""
    while True:
        page = client.list_jobs(**asked)
        yield page
        moves = any(not job["is_terminal"] for job in page["data"])
        time.sleep(MOVING_SECONDS if moves else STILL_SECONDS)


def _watch(pages: Iterator[dict[str, Any]], *, as_json: bool) -> None:
    """On a terminal in place; elsewhere, and as JSON, again whenever it has changed."""
    console = Console()
    try:
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
                for page in pages:
                    lines = job_table(page, console.width, datetime.now(UTC))
                    live.update(Text("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)
            return
        before: dict[str, Any] | None = None
        for page in pages:
            if page != before:
                before = page
                lines = job_table(page, None, datetime.now(UTC))
                typer.echo(json.dumps(page) if as_json else "\n".join(lines) + "\n")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
