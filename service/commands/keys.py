"""`lockstep keys`: API keys, directly in the database."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import typer

from lockstep.service.commands.access import CommandError, DataDirOption
from lockstep.service.commands.columns import Column, table_lines, terminal_width

# The store is imported in the commands: what needs no database should start without it.

app = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)

Scope = Literal["read", "write", "admin"]
INCLUDED: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
}


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, for the list.")],
    scope: Annotated[Scope, typer.Option(help="What it may do; each includes the ones before.")] = "write",
    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Whose jobs it sees (see `keys list`); else the administrator's."),
    ] = None,
    new_owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="The same, for an owner that is not there yet.")
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key. It is printed once and cannot be read again."""
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.store import keys as store

    if not name.strip() or not name.isprintable():
        raise CommandError(f"expected a name for the key, as in `keys add anna`, got {name!r}: give it one")
    if owner is not None and new_owner is not None:
        raise CommandError("expected either --owner or --new-owner, got both; take one of them out")
    with opened(find_settings(data_dir)) as database, database.write() as tx:
        if new_owner is not None:
            owner_id = store.new_owner(tx, new_owner)
        else:
            owner_id = store.known_owner(tx, store.ADMIN_OWNER_ID if owner is None else owner)
        key_id, secret = store.create(tx, owner_id, name.strip(), INCLUDED[scope])
    typer.echo(f"{key_id} ({', '.join(sorted(INCLUDED[scope]))}) of {owner_id}", err=True)
    typer.echo(secret)


@app.command("list")
def list_keys(data_dir: DataDirOption = None) -> None:
    """List the keys that are valid."""
    from lockstep.service.commands.place import find_settings, opened
    from lockstep.service.store import keys as store

    with opened(find_settings(data_dir)) as database, database.read() as tx:
        found = store.list_keys(tx)
    columns = [
        Column(heading=heading, is_text=heading == "name")
        for heading in ("id", "name", "scopes", "owner", "created")
    ]
    rows = []
    for key in found:
        scopes = " ".join(scope for scope in get_args(Scope) if scope in key.scopes)
        rows.append((key.id, key.name, scopes, key.owner_id, f"{key.created_at:%Y-%m-%d %H:%M}"))
    typer.echo("\n".join(table_lines(columns, rows, terminal_width())))


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
