"""`lockstep keys`: API keys, directly in the database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lockstep.service.commands.access import CommandError, DataDirOption, OwnJsonOption, echo_json, hint
from lockstep.service.commands.columns import Column, table_lines, terminal_width
from lockstep.service.commands.output import give_up
from lockstep.service.store.scopes import INCLUDED, SCOPES, Scope

if TYPE_CHECKING:
    from lockstep.service.store.database import Database
    from lockstep.service.store.keys import ApiKey

# The rest of the store is imported in the commands: what needs no database should start without it.

app = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, for the list.")],
    scope: Annotated[
        Scope,
        typer.Option(help="What it may do: write includes read, admin all; metrics is for /metrics alone."),
    ] = "write",
    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Whose jobs it sees (see `keys list`); else the administrator's."),
    ] = None,
    new_owner: Annotated[str | None, typer.Option(metavar="OWNER", help="The same, for a new owner.")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key. It is printed once and cannot be read again; one that can't be printed is taken back."""
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.store import keys as store

    _require_name(name)
    if owner is not None and new_owner is not None:
        raise CommandError("expected either --owner or --new-owner, got both; take one of them out")
    if sys.stdout is None:
        raise CommandError("the standard output is closed, so nobody would see the key: no key was made")
    with opened(find_settings(data_dir)) as database:
        with database.write() as tx:
            if new_owner is not None:
                owner_id = store.new_owner(tx, new_owner)
            else:
                owner_id = store.known_owner(tx, store.ADMIN_OWNER_ID if owner is None else owner)
            key_id, secret = store.create(tx, owner_id, name.strip(), INCLUDED[scope])
        try:
            # After the transaction: a terminal that is held would hold the database.
            typer.echo(f"{key_id} ({', '.join(sorted(INCLUDED[scope]))}) of {owner_id}", err=True)
            typer.echo(secret)
        except (OSError, KeyboardInterrupt) as error:
            give_up()
            _take_back(database, key_id, hint(f"keys revoke {key_id}", data_dir))
            reason = getattr(error, "strerror", None) or "interrupted"
            raise CommandError(f"the new key can't be shown ({reason}), so it was taken back") from error


def _require_name(name: str) -> None:
    """Refuse what is no name for a key, by the rule for the names of jobs."""
    from lockstep.core.spec.labels import MAX_NAME
    from lockstep.core.submission.check_name import unshown

    wanted = "expected a name for the key, as in `keys add anna`"
    if len(name) > MAX_NAME:
        raise CommandError(f"{wanted}, of at most {MAX_NAME} characters, got {len(name)}: shorten it")
    if not name.strip() or not name.isprintable():
        raise CommandError(f"{wanted}, got {name!r}: give it one")
    if (why := unshown(name)) is not None:
        raise CommandError(f"{wanted}: {why[1]}")


def _take_back(database: Database, key_id: str, by_hand: str) -> None:
    """Unmake a key that nobody has seen; where that fails, say how to."""
    from sqlalchemy.exc import SQLAlchemyError

    from lockstep.service.commands.place import reason_of
    from lockstep.service.store import keys as store

    try:
        with database.write() as tx:
            store.unmake(tx, key_id)
    except SQLAlchemyError as error:
        raise CommandError(
            f"the new key can't be shown, nor taken back ({reason_of(error)}): it is valid; "
            f"`{by_hand}` ends it"
        ) from error


@app.command("list")
def list_keys(as_json: OwnJsonOption = False, data_dir: DataDirOption = None) -> None:
    """List the keys that are valid."""
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.store import keys as store

    with opened(find_settings(data_dir)) as database, database.read() as tx:
        found = store.list_keys(tx)
    if as_json:
        echo_json({"object": "list", "data": [_as_json(key) for key in found]})
        return
    columns = [
        Column(heading=heading, is_text=heading == "name")
        for heading in ("id", "name", "scopes", "owner", "created")
    ]
    rows = [
        (key.id, key.name, " ".join(_scopes(key)), key.owner_id, f"{key.created_at:%Y-%m-%d %H:%M}")
        for key in found
    ]
    typer.echo("\n".join(table_lines(columns, rows, terminal_width())))


def _scopes(key: ApiKey) -> list[str]:
    return [scope for scope in SCOPES if scope in key.scopes]


def _as_json(key: ApiKey) -> dict[str, object]:
    created_at = key.created_at.isoformat().replace("+00:00", "Z")
    return {
        "id": key.id,
        "name": key.name,
        "scopes": _scopes(key),
        "owner": key.owner_id,
        "created_at": created_at,
    }


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id; `keys list` lists them.")],
    data_dir: DataDirOption = None,
) -> None:
    """Make a key useless, within 2 seconds."""
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.store import keys as store

    with opened(find_settings(data_dir)) as database, database.write() as tx:
        store.revoke(tx, key_id)
    typer.echo(f"{key_id} is revoked")
