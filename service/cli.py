"""`lockstep`: the command line. Each command is one function in `service/commands`."""

from __future__ import annotations

import sys

import typer

from service.client import ApiError
from service.commands import jobs, keys, server
from service.commands.access import CommandError
from service.commands.demo import demo
from service.commands.doctor import doctor
from service.commands.gradcheck import gradcheck
from service.local.errors import LocalError

app = typer.Typer(
    name="lockstep",
    help="Train neural networks on every CPU you have: the same bits on any number of workers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(server.up, demo, jobs.train, jobs.jobs, jobs.show, jobs.watch, jobs.cancel, jobs.weights, jobs.predict),
    *(gradcheck, server.worker, server.migrate, doctor),
):
    app.command()(command)
app.add_typer(keys.app)


def main() -> None:
    """Run the command line; an error that a user can act on is a message, never a traceback."""
    try:
        app()
    except (CommandError, LocalError, ApiError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
