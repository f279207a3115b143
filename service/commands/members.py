"""`lockstep members`: who works and has worked at a job, and where their time went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from lockstep.service.client import Client
from lockstep.service.commands.access import DataDirOption, JobIdArgument, JsonOption, connected, echo_json
from lockstep.service.commands.columns import Column, table_lines, terminal_width
from lockstep.service.commands.paging import all_of
from lockstep.service.commands.progress import duration

MAX_PAGES = 20
"""Of 100 members each."""
MEMBER_COLUMNS = (
    Column(heading="worker"),
    Column(heading="host", is_text=True),
    Column(heading="role"),
    Column(heading="rank", is_right=True),
    Column(heading="by"),
    Column(heading="steps"),
    Column(heading="left"),
    *(Column(heading=heading, is_right=True) for heading in ("shards", "computing", "exchanging", "waiting")),
)


def members(job_id: JobIdArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List who works and has worked at a job, and where their time went."""
    with connected(data_dir) as client:
        found = members_of(client, job_id)
    if as_json:
        echo_json({"object": "list", "data": found, "has_more": False})
    elif found:
        typer.echo("\n".join(member_table(found, terminal_width())))
    else:
        typer.echo("nobody has worked at it yet")


def members_of(client: Client, job_id: str) -> list[dict[str, Any]]:
    """The members of a job, those who are there first."""
    found = all_of(client.members, job_id, MAX_PAGES)
    return sorted(found, key=lambda member: member["left"] is not None)


def member_table(found: Sequence[dict[str, Any]], width: int | None) -> list[str]:
    """Members as lines of at most `width` cells."""
    return table_lines(MEMBER_COLUMNS, [_row(member) for member in found], width)


def _row(member: dict[str, Any]) -> Sequence[str]:
    end = member["left_step"]
    return (
        member["worker_id"],
        member["host"],
        member["role"],
        str(member["rank"]),
        "-" if member["transport"] == "none" else member["transport"].replace("_", " "),
        f"{member['joined_step']:,}-" if end is None else f"{member['joined_step']:,}-{end:,}",
        member["left"] or "",
        str(member["shards"]),
        *(duration(member[f"{what}_seconds"]) for what in ("compute", "exchange", "waiting")),
    )
