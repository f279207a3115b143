"""`lockstep doctor`: says what is wrong, if anything is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lockstep.service.commands.access import DataDirOption, OwnJsonOption, echo_json


def doctor(
    numerics: Annotated[
        bool,
        typer.Option("--numerics", help="Show what decides this machine's bits, and which variable pins it."),
    ] = False,
    as_json: OwnJsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Check what Lockstep stands on. The exit status is 1 when something is broken."""
    if numerics:
        _tell_numerics(as_json=as_json)
        return
    # Imported here: the other commands start without a database and a broker.
    from lockstep.service.commands.checks import findings

    found = []
    for finding in findings(data_dir):
        found.append(finding)
        if not as_json:
            typer.echo(f"{finding.grade:<8} {finding.about}: {finding.text}")
    if as_json:
        echo_json({"object": "list", "data": [asdict(finding) for finding in found]})
    if any(finding.grade == "error" for finding in found):
        raise typer.Exit(1)


def _tell_numerics(*, as_json: bool) -> None:
    from lockstep.service.commands.numerics import lines, report

    found = report()
    if as_json:
        echo_json(asdict(found))
    else:
        typer.echo("\n".join(lines(found)))
