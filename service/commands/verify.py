"""`lockstep verify`: train a job again on other workers, and say whether the weights are the same bits."""

from __future__ import annotations

from typing import Annotated

import typer

from lockstep.service.commands.access import DataDirOption, JobIdArgument, JsonOption, connected, echo_json
from lockstep.service.commands.jobs import followed, show_job


def verify(
    job_id: JobIdArgument,
    workers: Annotated[int, typer.Option("--workers", min=1, metavar="N", help="On up to N workers.")],
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Send helpers away and call them again at random steps.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Train a job again and compare the weights. The exit status is 0 when they are the same, bit for bit."""
    with connected(data_dir) as client:
        new = client.verify(job_id, workers, chaos=chaos)
        job = followed(client, new["id"], data_dir)
        if as_json:
            echo_json(job)
        else:
            show_job(client, job)
    if not (job.get("result") or {}).get("matches"):
        raise typer.Exit(1)
