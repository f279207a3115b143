"""`lockstep prune`: takes out at once what has been kept long enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lockstep.service.commands.access import DataDirOption, OwnJsonOption, echo_json
from lockstep.service.commands.sizes import in_words

if TYPE_CHECKING:
    from lockstep.service.store.amounts import Amount
    from lockstep.service.store.database import Database


def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and leave it where it is.")
    ] = False,
    as_json: OwnJsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Take out what has been kept for as long as the settings say, directly in the database.

    A service does so by itself, a little at a time; this does it at once, also while none runs.
    """
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.retention import Pruning, ages_of, due

    settings = find_settings(data_dir)
    ages = ages_of(settings)
    with opened(settings) as database:
        _require_migrated(database)
        found = due(database, ages)
        size_before = _size(database)
        if not dry_run:
            Pruning(database, ages).run()
        size_after = _size(database)
    if as_json:
        echo_json(_as_json(found, size_before, size_after, dry_run=dry_run))
        return
    if not found:
        typer.echo(
            f"nothing has been kept longer than the settings say; the database has {in_words(size_after)}"
        )
        return
    for amount in found:
        typer.echo(f"{amount.rows:>9,} {amount.of}, {in_words(amount.size_bytes)}")
    total = in_words(sum(amount.size_bytes for amount in found))
    if dry_run:
        typer.echo(f"nothing was taken out; without --dry-run {total} go, of {in_words(size_before)}")
    else:
        typer.echo(f"{total} are gone; the database had {in_words(size_before)}, now {in_words(size_after)}")


def _require_migrated(database: Database) -> None:
    from lockstep.service.commands.access import CommandError
    from lockstep.service.store.migrating import is_migrated

    with database.read() as tx:
        if not is_migrated(tx):
            raise CommandError("the database's tables are not this version's: run `lockstep migrate` first")


def _size(database: Database) -> int:
    from lockstep.service.store.amounts import database_bytes

    with database.read() as tx:
        return database_bytes(tx)


def _as_json(found: list[Amount], before: int, after: int, *, dry_run: bool) -> dict[str, object]:
    return {
        "object": "prune",
        "dry_run": dry_run,
        "data": [{"of": amount.of, "rows": amount.rows, "size_bytes": amount.size_bytes} for amount in found],
        "database_bytes_before": before,
        "database_bytes": after,
    }
