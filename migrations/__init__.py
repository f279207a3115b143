"""The database's tables, version by version (Alembic). `service.store.database.migrate` runs them."""
