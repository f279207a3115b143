"""`lockstep doctor`: says what is wrong, if anything is."""

from __future__ import annotations

from typing import Annotated

import typer

from lockstep.service.commands.access import DataDirOption


def doctor(
    numerics: Annotated[
        bool,
        typer.Option("--numerics", help="Show what decides this machine's bits, and which variable pins it."),
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Check what Lockstep stands on. The exit status is 1 when something is broken."""
    if numerics:
        from lockstep.service.commands.numerics import lines

        for line in lines():
            typer.echo(line)
        return
    # Imported here: the other commands start without a database and a broker.
    from lockstep.service.commands.checks import findings

    broken = False
    for finding in findings(data_dir):
        typer.echo(f"{finding.grade:<8} {finding.about}: {finding.text}")
        broken = broken or finding.grade == "error"
    if broken:
        raise typer.Exit(1)
