"""Commands that run the service, and those for its database: up, worker, api, migrate, restored."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer

from lockstep.service.commands.access import DEFAULT_DATA_DIR, CommandError, HomeOption


def up(
    workers: Annotated[int, typer.Option(min=0, max=256, help="Worker processes to run.")] = 2,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port on 127.0.0.1; 0 is any free one.  [default: 8000 or the next free]"
        ),
    ] = None,
    data_dir: HomeOption = DEFAULT_DATA_DIR,
) -> None:
    """Serve on this machine until Ctrl-C: broker, database, API, page and workers."""
    # Imported here: the other commands also run where a supervisor cannot (Windows has no flock).
    from lockstep.service.local.directory import DataDirectory
    from lockstep.service.local.supervisor import LocalOptions, Supervisor
    from lockstep.service.settings import EXAMPLE_API_KEY, read_settings

    # What it hands to its children: a wrong one is said here, once.
    settings = read_settings(from_file=False)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    directory = DataDirectory(path=data_dir)
    options = LocalOptions(
        directory=directory,
        workers=workers,
        port=port,
        api_key=os.environ.get("LOCKSTEP_API_KEY") or None,
        root_path=settings.root_path,
    )
    supervisor = Supervisor(options)

    def welcome() -> None:
        typer.echo(f"Lockstep serves {supervisor.url} with {workers} worker{'' if workers == 1 else 's'}.")
        typer.echo(f"The page: {supervisor.url}/#key={supervisor.api_key}")
        typer.echo(f"Data and logs: {directory.path.resolve()}")
        typer.echo("Ctrl-C stops it; jobs that run then go on at the next start.")
        if supervisor.api_key == EXAMPLE_API_KEY:
            typer.echo("Warning: LOCKSTEP_API_KEY is the example's key, which everybody knows.", err=True)

    supervisor.run(on_ready=welcome, on_trouble=lambda text: typer.echo(f"warning: {text}", err=True))
    typer.echo("Stopped.")


def worker() -> None:
    """Run one worker for the database and the broker that the settings (LOCKSTEP_*) name."""
    from lockstep.service.local.commands import worker_command

    command = worker_command()
    os.execv(command[0], command)  # noqa: S606  (our own interpreter)


def api() -> None:
    """Run the API for the database, the broker and the address that the settings (LOCKSTEP_*) name."""
    from lockstep.service.commands.place import database_errors
    from lockstep.service.local.serve import serve

    with database_errors():
        serve(None)


def migrate(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION", help="Go back to the tables of an older version, such as 0005, for its code."
        ),
    ] = None,
    lose: Annotated[
        bool,
        typer.Option("--lose", help="With --to: even where older tables have no place for something."),
    ] = False,
) -> None:
    """Bring the database that LOCKSTEP_DATABASE_URL names to this version's tables."""
    from lockstep.service.commands.place import database_errors
    from lockstep.service.settings import read_settings
    from lockstep.service.store import migrating

    if lose and to is None:
        raise CommandError("expected --to with --lose: on the way to newer tables nothing is lost")
    url = read_settings().database_url
    with database_errors():
        try:
            if to is None:
                migrating.migrate(url)
            else:
                migrating.go_back(url, to, lose=lose)
        except (migrating.UnknownRevision, migrating.WouldLose) as error:
            raise CommandError(str(error)) from error
    typer.echo("The database is up to date." if to is None else f"The database has the tables of {to}.")


def restored() -> None:
    """Once after the database was restored from a copy: workers from before then write nothing into it."""
    from lockstep.service.commands.place import database_errors
    from lockstep.service.settings import read_settings
    from lockstep.service.store import restoring
    from lockstep.service.store.database import Database

    with database_errors():
        database = Database(read_settings().database_url)
        with database.write() as tx:
            jobs = restoring.disown(tx)
        database.dispose()
    typer.echo(f"No claim from before holds; jobs that are not over: {jobs}.")
