"""The transition table as docs/transitions.md shows it: `python -m tests.service.store.transitions_page`."""

from collections.abc import Iterable
from pathlib import Path

from lockstep.service.store.lifecycle import Lifecycle, StatusChange
from lockstep.service.store.replay_transitions import REPLAYS
from lockstep.service.store.transitions import JOBS

PAGE = Path(__file__).parents[3] / "docs" / "transitions.md"
HEAD = """# Statuses and the ways between them

Made of `service/store/transitions.py` and `service/store/replay_transitions.py` by
`python -m tests.service.store.transitions_page`. Each act is one UPDATE with the statuses and the condition
below in its WHERE, so that an act that comes too late changes nothing. Of several rows of one act the first
counts whose condition holds. *worker*: one without a claim; *holder*: the one with it, for as long as its
claim's token is the row's; *service*: the reconciler, and a process that sees another die.
"""
COLUMNS = ("act", "who", "from", "to", "only if", "writes", "attempt ends", "notes")


def page() -> str:
    """The whole document."""
    return "\n".join((HEAD, "## Jobs", *_table(JOBS), "", "## Replays", *_table(REPLAYS), ""))


def _table(life: Lifecycle) -> list[str]:
    phases = [f"`{status}` {phase}" for status, phase in life.phases.items()]
    lines = [f"Statuses and their phases: {', '.join(phases)}.", ""]
    lines += [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    return lines + [_line(_cells(change)) for change in life.changes]


def _cells(change: StatusChange) -> tuple[str, ...]:
    return (
        f"`{change.act}`",
        change.who,
        ", ".join(f"`{status}`" for status in change.sources) or "new",
        "stays" if change.target is None else f"`{change.target}`",
        "" if change.only_if is None else change.only_if.words,
        ", ".join(effect.words for effect in change.effects),
        change.outcome or "",
        "" if change.event is None else f"`{change.event}`",
    )


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
