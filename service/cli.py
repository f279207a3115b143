"""`lockstep`: the command line. Each command is one function in `service/commands`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lockstep import __version__
from lockstep.service.client import ApiError
from lockstep.service.commands import inside, jobs, keys, listing, server, verbs
from lockstep.service.commands.access import CommandError
from lockstep.service.commands.checkpoints import checkpoints
from lockstep.service.commands.demo import demo
from lockstep.service.commands.doctor import doctor
from lockstep.service.commands.gradcheck import gradcheck
from lockstep.service.commands.members import members
from lockstep.service.commands.opening import open_page
from lockstep.service.commands.output import complain, finish, reason_of, speak_any_text
from lockstep.service.commands.prune import prune
from lockstep.service.commands.verify import verify
from lockstep.service.commands.weights import weights
from lockstep.service.local.errors import LocalError
from lockstep.service.settings import SettingsError

app = typer.Typer(
    name="lockstep",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for command in (
    *(server.up, demo, jobs.train, listing.jobs, jobs.show, jobs.watch),
    *(verbs.cancel, verbs.pause, verbs.resume, verbs.clone, verbs.edit, verbs.delete),
    *(
        weights,
        jobs.predict,
        members,
        checkpoints,
        inside.history,
        inside.events,
        inside.gradients,
        inside.walk,
    ),
    *(inside.gradients, inside.walk, inside.graph, verify, gradcheck, listing.queue, listing.workers),
    *(server.worker, server.api, server.migrate, server.restored, prune, doctor),
):
    app.command()(command)
app.command("open")(open_page)
app.add_typer(keys.app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lockstep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Train neural networks on every CPU you have: the same bits on any number of workers."""


def main() -> None:
    """Run the command line; an error that a user can act on is a message, never a traceback."""
    speak_any_text()
    sys.exit(finish(_status()))


def _status() -> int:
    try:
        app(prog_name="lockstep")
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
