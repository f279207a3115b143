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
from service.commands.output import complain, finish, reason_of, speak_any_text
from service.local.errors import LocalError
from service.settings import SettingsError

app = typer.Typer(
    name="lockstep",
    help="Train neural networks on every CPU you have: the same bits on any number of workers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(server.up, demo, jobs.train, jobs.jobs, jobs.show, jobs.watch, jobs.cancel, jobs.weights, jobs.predict),
    *(gradcheck, server.worker, server.api, server.migrate, doctor),
):
    app.command()(command)
app.add_typer(keys.app)


def main() -> None:
    """Run the command line; an error that a user can act on is a message, never a traceback."""
    speak_any_text()
    sys.exit(finish(_status()))


def _status() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (CommandError, LocalError, ApiError, SettingsError) as error:
        complain(str(error))
    except RecursionError:
        complain("too many brackets inside each other")
    except OSError as error:
        complain(reason_of(error))
    return 1


if __name__ == "__main__":
    main()
