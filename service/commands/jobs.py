"""Commands about a job: train, show, watch, predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

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
from lockstep.service.commands.members import member_table, members_of
from lockstep.service.commands.progress import duration, follow
from lockstep.service.commands.told import events_of, finding_lines, goal_lines, verdict_lines, workers_line


def train(  # noqa: PLR0913  (one argument for each option)
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The job as JSON; - is the standard input.")],
    workers: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="On up to N workers, or as many as pay, whatever FILE says."),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(metavar="N", help="From -100 to 100: the greatest comes first, whatever FILE says."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the job to its end.")] = False,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Start with these: .safetensors or .npz."),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Submit a job of any kind, for example examples/iris.json."""
    spec = read_json(file)
    if not isinstance(spec, dict):
        raise CommandError(f"{file} holds no job: expected a JSON object, such as those in examples/")
    if workers is not None:
        spec["workers"] = _number_of(workers)
    if priority is not None:
        spec["priority"] = priority
    if weights is not None:
        spec = _with_weights(spec, weights)
    with connected(data_dir) as client:
        job = client.create_job(spec)
        if watch:
            _follow_and_show(client, job["id"], data_dir, as_json=as_json)
        elif as_json:
            echo_json(job)
        else:
            follow_it = hint(f"watch {job['id']}", data_dir)
            typer.echo(f"{job['id']} {job['status']}; follow it with: {follow_it}")


def show(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Show one job: status, progress, result or error, findings."""
    with connected(data_dir) as client:
        job = client.job(job_id)
        if as_json:
            echo_json(job)
        else:
            show_job(client, job)


def watch(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Follow a job to its end. The exit status is 0 when it succeeded."""
    with connected(data_dir) as client:
        _follow_and_show(client, job_id, data_dir, as_json=as_json)


def predict(
    job_id: JobIdArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help='Inputs as JSON, [[...], ...] or {"x": [...]}; - is the standard input.'
        ),
    ],
    data_dir: DataDirOption = None,
) -> None:
    """Predict with a finished job's weights; prints JSON."""
    inputs = read_json(file)
    if isinstance(inputs, dict):
        inputs = inputs.get("x")
    if not isinstance(inputs, list):
        raise CommandError(f'{file} holds no inputs: expected a JSON list of rows, or {{"x": [...]}}')
    with connected(data_dir) as client:
        echo_json(client.predict(job_id, inputs))


def _number_of(workers: str) -> int | str:
    if workers == "auto":
        return workers
    if not workers.isascii() or not workers.isdigit() or int(workers) < 1:
        raise CommandError(f"--workers: expected a number from 1 on, or auto, got {workers!r}")
    return int(workers)


def _with_weights(spec: dict[str, Any], file: Path) -> dict[str, Any]:
    # NumPy takes longer to load than all else here, and no other command needs it.
    from lockstep.core.ground.errors import LockstepError
    from lockstep.service.given_weights import with_weights

    try:
        return with_weights(spec, file)
    except LockstepError as error:
        raise CommandError(str(error)) from error


def followed(client: Client, job_id: str, data_dir: Path | None) -> dict[str, Any]:
    """The job as it ended. The bar goes to the standard error, so that JSON can be piped."""
    try:
        return follow(client, job_id, Console(stderr=True))
    except KeyboardInterrupt:
        watch, cancel = (hint(f"{verb} {job_id}", data_dir) for verb in ("watch", "cancel"))
        typer.echo(f"\n{job_id} goes on: `{watch}` follows it, `{cancel}` ends it", err=True)
        raise typer.Exit(130) from None


def _follow_and_show(client: Client, job_id: str, data_dir: Path | None, *, as_json: bool) -> None:
    job = followed(client, job_id, data_dir)
    if as_json:
        echo_json(job)
    else:
        show_job(client, job)
    if job["status"] != "succeeded":
        raise typer.Exit(1)


def show_job(client: Client, job: dict[str, Any]) -> None:
    """Print what there is to say of a job."""
    shared = job["workers"]["most"] > 1
    members = members_of(client, job["id"]) if shared else []
    typer.echo("\n".join(job_lines(job, events_of(client, job["id"]), members)))


def job_lines(
    job: dict[str, Any], events: list[dict[str, Any]], members: Sequence[dict[str, Any]] = ()
) -> list[str]:
    """A job, what its events say of it, and who is there while it runs, as lines of text."""
    progress = job["progress"]
    lines = [
        f"{job['id']}  {job.get('name') or ''}".rstrip(),
        f"status    {_status(job)}",
        *([f"priority  {job['priority']}"] if job.get("priority") else []),
        f"progress  step {progress['step']:,} of {progress['steps']:,}",
        workers_line(job),
    ]
    lines += [f"damaged   {each['message']}" for each in job.get("damaged") or []]
    error = job.get("error")
    if error:
        where = f" at {error['param']}" if error.get("param") else ""
        lines.append(f"error     {error['code']}{where}: {error['message']}")
    result = job.get("result")
    lines += verdict_lines(job, events)
    if result and result["weights_sha256"] is not None:
        lines.append(f"stopped   {result['stop_reason']} after {result['steps']:,} steps")
        lines += goal_lines(job)
        value = result.get("value")
        lines.append(f"loss      {number(result['loss'])}" if value is None else f"value     {value}")
        lines += _metric_lines(result.get("metrics") or {})
        lines += _parameter_lines(result.get("parameters"))
        lines.append(f"digest    {result['weights_sha256']}")
    run_ms = (job.get("timings") or {}).get("run_ms")
    if run_ms is not None:
        lines.append(f"time      {duration(run_ms / 1000)}")
    lines += finding_lines(events)
    return [*lines, *member_table(members, None)] if members else lines


def _status(job: dict[str, Any]) -> str:
    """The status and its message, unless that only names what is damaged, which stands below."""
    message = job.get("status_message")
    damage = "; ".join(each["message"] for each in job.get("damaged") or [])
    return f"{job['status']} ({message})" if message and message != damage else str(job["status"])


def _metric_lines(metrics: dict[str, Any]) -> list[str]:
    """Single numbers as they are, one for each class in a row, a confusion matrix in rows below its name."""
    lines = [f"{name:<9} {number(value)}" for name, value in metrics.items() if not isinstance(value, list)]
    for name, table in metrics.items():
        if not isinstance(table, list) or not table:
            continue
        if not isinstance(table[0], list):
            lines.append(f"{name:<9} {' '.join(map(number, table))}")
        elif not isinstance(table[0][0], list):
            width = max(len(number(value)) for row in table for value in row)
            lines.append(f"{name} (a row for each target, a column for each prediction)")
            lines += ["  " + " ".join(f"{number(value):>{width}}" for value in row) for row in table]
    return lines


def _parameter_lines(parameters: dict[str, Any] | None) -> list[str]:
    """An expression's few scalar parameters; a layer's matrices are better saved with `weights`."""
    scalars = {name: value for name, value in (parameters or {}).items() if not isinstance(value, list)}
    return [f"{name:<9} {value}" for name, value in scalars.items()]


def number(value: object, digits: int = 6) -> str:
    """A number for people; a string such as \"NaN\" as it is; nothing as a dash."""
    return f"{value:.{digits}g}" if isinstance(value, int | float) else str(value or "-")
