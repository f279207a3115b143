"""`lockstep gradcheck`: whether a job's gradient is that of its loss."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.service.commands.access import (
    CommandError,
    DataDirOption,
    JsonOption,
    connected,
    echo_json,
    read_json,
)
from lockstep.service.commands.columns import Column, table_lines, terminal_width
from lockstep.service.commands.jobs import number

COLUMNS = (
    Column(heading="parameter"),
    Column(heading="shape"),
    Column(heading="checked"),
    *(Column(heading=heading, is_right=True) for heading in ("worst error", "at", "gradient", "difference")),
    Column(heading="verdict"),
)


def gradcheck(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The job as JSON; - is the standard input.")],
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Compare the gradient of a job's model with differences of its loss; makes no job."""
    spec = read_json(file)
    if not isinstance(spec, dict):
        raise CommandError(f"{file} holds no job: expected a JSON object, such as those in examples/")
    with connected(data_dir) as client:
        check = client.validate(spec, gradcheck=True)["gradient_check"]
    if as_json:
        echo_json(check)
    else:
        _show(check)
    if not check["passed"]:
        raise typer.Exit(1)


def _show(check: dict[str, Any]) -> None:
    rows = []
    for each in check["parameters"]:
        worst = each["worst"] or {}
        kinks = f" ({each['at_kinks']} at a kink)" if each["at_kinks"] else ""
        rows.append(
            (
                each["name"],
                " x ".join(map(str, each["shape"])) or "one number",
                f"{each['checked']}{kinks}",
                number(worst.get("relative_error")),
                ", ".join(map(str, worst.get("index", []))) or "-",
                number(worst.get("gradient")),
                number(worst.get("difference")),
                "ok" if each["passed"] else "-" if each["worst"] is None else "WRONG",
            )
        )
    typer.echo("\n".join(table_lines(COLUMNS, rows, terminal_width())))
    rest = "" if check["complete"] else "; time ran out before all chosen elements were compared"
    says = verdict(check)
    typer.echo(f"{says} (float64, {check['rows']} rows, errors up to {check['tolerance']:g} pass{rest})")


def verdict(check: dict[str, Any]) -> str:
    """In words: right, wrong, or not known of all parameters; a loss that is not finite comes as a word."""
    if check["passed"]:
        return "the gradient is that of the loss"
    if isinstance(check["loss"], str):
        return f"the loss is {check['loss']}, so there is nothing to compare: change the start or the data"
    if any(each["worst"] is not None and not each["passed"] for each in check["parameters"]):
        return "the gradient is not that of the loss"
    return "not all parameters could be checked"
