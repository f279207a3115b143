"""The migrations make the tables that the code describes, and can be undone."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from lockstep import migrations
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import HEAD_REVISION
from lockstep.service.store.tables import metadata

FOLDER = Path(migrations.__file__).parent


def configuration(tx: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = tx
    return config


def test_models_and_migrations_agree(database: Database) -> None:
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_check_constraints_agree(database: Database) -> None:
    """Alembic does not compare these."""
    with database.read() as tx:
        found = inspect(tx)
        for table in metadata.sorted_tables:
            here = {check["name"] for check in found.get_check_constraints(table.name)}
            declared = {
                str(each.name) for each in table.constraints if type(each).__name__ == "CheckConstraint"
            }
            assert here == declared, table.name


def test_ids_compare_byte_by_byte(database: Database) -> None:
    """SQLite always does; on PostgreSQL the collation says so."""
    with database.read() as tx:
        for table in metadata.sorted_tables:
            for column in inspect(tx).get_columns(table.name):
                kind = column["type"]
                declared = table.c[column["name"]].type.dialect_impl(tx.dialect)
                assert getattr(kind, "collation", None) == getattr(declared, "collation", None), column[
                    "name"
                ]


def test_there_is_one_head_and_the_code_knows_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD_REVISION]


def test_down_and_up_again(database: Database) -> None:
    with database.write() as tx:
        command.downgrade(configuration(tx), "base")
        assert inspect(tx).get_table_names() == ["alembic_version"]
        command.upgrade(configuration(tx), "head")
        assert set(inspect(tx).get_table_names()) == {"alembic_version", *metadata.tables}
