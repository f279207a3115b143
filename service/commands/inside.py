"""Commands about what happened inside a job: history, events, gradients, walk, graph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from lockstep.service.client import Client, GraphFormat
from lockstep.service.commands.access import (
    CommandError,
    DataDirOption,
    JobIdArgument,
    JsonOption,
    connected,
    echo_json,
    hint,
)
from lockstep.service.commands.columns import plain, table_lines, terminal_width, wrapped
from lockstep.service.commands.paging import all_of
from lockstep.service.commands.said import (
    GRADIENT_COLUMNS,
    SERIES_COLUMNS,
    event_line,
    gradient_row,
    graph_lines,
    points_table,
    series_row,
    walk_lines,
)

StepOption = Annotated[
    int | None, typer.Option(min=0, metavar="STEP", help="Which step, from 0.  [default: the last one done]")
]
SampleOption = Annotated[int, typer.Option(min=0, metavar="ROW", help="Which row of its batch, from 0.")]
DrawnAs = Literal["text", "dot", "svg"]


def history(
    job_id: JobIdArgument,
    series: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="The points of these, such as loss,value.  [default: a summary]"),
    ] = None,
    points: Annotated[
        int, typer.Option(min=2, max=1_000_000, help="At most this many points; more come in even buckets.")
    ] = 20,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Show what a job recorded: each series in a line, or the points of some. --json has every point."""
    names = None if series is None else [name.strip() for name in series.split(",")]
    with connected(data_dir) as client:
        # Two buckets hold the whole: the ends are shown, and the range is told.
        most = None if as_json else 2 if names is None else points
        found = client.history(job_id, series=names, max_points=most)
    if as_json:
        echo_json(found)
        return
    for gap in found["damaged"]:
        typer.echo(f"damaged: {gap['message']}", err=True)
    recorded = found["series"]
    for name in sorted(set(names or ()) - set(recorded)):
        listing = hint(f"history {job_id}", data_dir)
        raise CommandError(f"{job_id} has no points of {name!r}; `{listing}` lists its series")
    if not recorded:
        typer.echo("nothing is recorded yet")
    elif names is None:
        rows = [series_row(name, each) for name, each in recorded.items()]
        typer.echo("\n".join(table_lines(SERIES_COLUMNS, rows, terminal_width())))
    else:
        columns, rows = points_table({name: recorded[name] for name in names})
        typer.echo("\n".join(table_lines(columns, rows, terminal_width())))


def events(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List what happened to a job, oldest first."""
    with connected(data_dir) as client:
        found = all_of(client.events, job_id)
    if as_json:
        echo_json({"object": "list", "data": found, "has_more": False})
    else:
        _tell(map(event_line, found))


def gradients(
    job_id: JobIdArgument,
    step: StepOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Show the gradients of a step, computed again by a worker. --json has every number."""
    with connected(data_dir) as client:
        found = client.gradients(job_id, _last_step(client, job_id) if step is None else step)
    if as_json:
        echo_json(found)
        return
    typer.echo(f"step {found['step']:,}: the gradient of the whole batch, before clipping")
    rows = [gradient_row(name, found["gradients"][name], norm) for name, norm in found["norms"].items()]
    typer.echo("\n".join(table_lines(GRADIENT_COLUMNS, rows, terminal_width())))


def walk(
    job_id: JobIdArgument,
    step: StepOption = None,
    sample: SampleOption = 0,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Follow one row of a step through the model and back, by the chain rule."""
    with connected(data_dir) as client:
        found = client.walk(job_id, _last_step(client, job_id) if step is None else step, sample)
    if as_json:
        echo_json(found)
    else:
        _tell(walk_lines(found))


_ENDINGS: dict[str, DrawnAs] = {"": "text", ".txt": "text", ".dot": "dot", ".gv": "dot", ".svg": "svg"}


def _drawn_as(output: Path) -> DrawnAs:
    """What a file's name asks for. Raises CommandError for an ending of something else."""
    try:
        return _ENDINGS[output.suffix.lower()]
    except KeyError as error:
        wanted = ", ".join(filter(None, _ENDINGS))
        raise CommandError(
            f"{output} ends in no format of drawings: expected one of {wanted}, or --format"
        ) from error


def graph(  # noqa: PLR0913  (one argument for each option)
    job_id: JobIdArgument,
    format: Annotated[
        DrawnAs | None,
        typer.Option(help="text, dot (Graphviz) or svg.  [default: as FILE ends, or text]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Into a file.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=0, metavar="STEP", help="With values and gradients of this step.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=0, metavar="ROW", help="For this row of the step's batch.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Draw a job's model: what is computed from what."""
    drawn = format or ("text" if output is None or as_json else _drawn_as(output))
    wanted: GraphFormat = "json" if as_json or drawn == "text" else drawn
    with connected(data_dir) as client:
        content = client.graph(job_id, format=wanted, step=step, sample=sample)
    text = content.decode()
    if wanted == "json" and not as_json:
        if output is None:
            _tell(graph_lines(content))
            return
        text = "\n".join(map(plain, graph_lines(content))) + "\n"
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from error
    typer.echo(f"{output}: {len(text.encode()):,} bytes")


def _tell(lines: Iterable[str]) -> None:
    width = terminal_width()
    typer.echo("\n".join(part for line in lines for part in wrapped(plain(line), width)))


def _last_step(client: Client, job_id: str) -> int:
    """The last step that can be explained: a search has been at its last point, a training's is not done."""
    job = client.job(job_id)
    last: int = job["progress"]["step"] - (job["kind"] == "train")
    if job["started_at"] is None or last < 0:
        raise CommandError(f"{job_id} has done no step yet")
    return last
