"""What a member of a group refused, counted by reason: strangers at the door and frames on a connection."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Literal

WhyRefused = Literal[
    "greeting",
    "version",
    "proof",
    "late",
    "hung_up",
    "job",
    "attempt",
    "fingerprint",
    "spec",
    "seat",
    "transport",
    "door",
    "magic",
    "binding",
    "sequence",
    "stamp",
    "kind",
    "length",
    "seal",
]
"""Of a stranger: it sent no greeting; it speaks another version of the protocol; it does not know the group's
secret; it took too long, or went away; another job, attempt, fingerprint or spec is its own; no seat is free;
memory can't be shared with it where it must be; it was led to another member's door than it means.
Of a frame: no frame at all; another job's or attempt's; repeated, left out or out of order; of another
generation or collective; of a kind that may not come now; of a wrong length; changed, or sealed with
another key."""


class Refusals:
    """A count for each reason. Any thread may count and look."""

    def __init__(self) -> None:
        self._counts: Counter[WhyRefused] = Counter()
        self._lock = threading.Lock()

    def count(self, refused: WhyRefused) -> None:
        """Count one more."""
        with self._lock:
            self._counts[refused] += 1

    def counts(self) -> Mapping[WhyRefused, int]:
        """How many there were up to now, for each reason that there was."""
        with self._lock:
            return dict(self._counts)
