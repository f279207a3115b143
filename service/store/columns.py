"""What the tables have in common: their registry, the types of ids, conditions of partial indexes."""

from sqlalchemy import BigInteger, Integer, MetaData, String, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(64).with_variant(String(64, collation="C"), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")
"""Integer on SQLite, where only INTEGER PRIMARY KEY counts by itself (it holds 64 bits all the same)."""

LEASED = text("lease_expires_at IS NOT NULL")
UNFINISHED = text("finished_at IS NULL")
FINISHED = text("finished_at IS NOT NULL")
INLINE_IS_A_BLOB = text("inline_sha256 IS NOT NULL")
START_IS_A_BLOB = text("start_sha256 IS NOT NULL")
ANSWERED = text("result_sha256 IS NOT NULL")
LIMITED = text("(max_run_seconds IS NOT NULL OR max_queue_seconds IS NOT NULL)")
"""In brackets: it stands among other conditions, word for word as in the index."""
