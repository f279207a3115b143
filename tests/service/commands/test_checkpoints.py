"""What `lockstep checkpoints` prints."""

from __future__ import annotations

from lockstep.service.commands.checkpoints import checkpoint_table


def test_each_checkpoint_is_a_line_that_says_why_it_is_there() -> None:
    found = [
        {
            "step": 12000,
            "reasons": ["every", "last"],
            "attempt": 2,
            "size_bytes": 2048,
            "created_at": "2026-11-27T10:11:12.345Z",
        }
    ]

    heading, line = checkpoint_table(found, None)

    assert heading.split() == ["step", "kept", "as", "attempt", "size", "saved"]
    assert line.split() == ["12,000", "every,", "last", "2", "2.0", "KiB", "2026-11-27", "10:11:12"]
