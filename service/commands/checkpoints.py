"""`lockstep checkpoints`: the states of a job that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from lockstep.service.commands.access import DataDirOption, JobIdArgument, JsonOption, connected, echo_json
from lockstep.service.commands.columns import Column, table_lines, terminal_width
from lockstep.service.commands.sizes import in_words

COLUMNS = (
    Column(heading="step", is_right=True),
    Column(heading="kept as"),
    Column(heading="attempt", is_right=True),
    Column(heading="size", is_right=True),
    Column(heading="saved"),
)


def checkpoints(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List the states of a job that are kept, and why: another job can start from any of them."""
    with connected(data_dir) as client:
        found = client.checkpoints(job_id)
    if as_json:
        echo_json(found)
    elif found["data"]:
        typer.echo("\n".join(checkpoint_table(found["data"], terminal_width())))
    else:
        typer.echo("no checkpoint is there")


def checkpoint_table(found: Sequence[dict[str, Any]], width: int | None) -> list[str]:
    """Checkpoints as lines of at most `width` cells."""
    return table_lines(COLUMNS, [_row(each) for each in found], width)


def _row(each: dict[str, Any]) -> Sequence[str]:
    return (
        f"{each['step']:,}",
        ", ".join(each["reasons"]),
        str(each["attempt"]),
        in_words(each["size_bytes"]),
        each["created_at"][:19].replace("T", " "),
    )
