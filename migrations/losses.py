"""What a way back to older tables would lose: those have no place for it."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import context

from lockstep.service.store.migrating import WouldLose


def refuse_to_lose(tx: sa.Connection, counts: Mapping[str, tuple[str, str]]) -> None:
    """Raise WouldLose where there are any such rows, unless that was allowed.

    `counts`: by what would be lost, in words, the table that holds it, and the condition on its rows.
    """
    if context.config.attributes.get("lose"):
        return
    found = {
        what: tx.execute(
            sa.select(sa.func.count()).select_from(sa.table(table)).where(sa.text(condition))
        ).scalar_one()
        for what, (table, condition) in counts.items()
    }
    lost = [f"{what} ({number})" for what, number in found.items() if number]
    if lost:
        raise WouldLose(
            f"the older tables have no place for: {', '.join(lost)}; nothing was changed. "
            "Back the database up, then say --lose to go back without them"
        )
