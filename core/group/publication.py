"""The words that a member publishes at the head of its segment: how far it is, and what lies there.

Everything that a stage speaks of is written before it. A reader takes a stage only if it is whole, of the
generation and collective that the reader is in, and at least what the reader waits for: others, and
half-written ones, are as if they were not there.
"""

import platform
from collections.abc import Sequence

from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Milestone

ORDERED = platform.machine() in {"x86_64", "AMD64"}
"""Whether what a process writes appears to others in the order of writing, and loads happen in theirs."""
MAX_GENERATION, MAX_COLLECTIVE = 2**24 - 1, 2**37 - 1

_COLLECTIVE, _GENERATION = 3, 40  # the bits below
_PHASES = 2**_COLLECTIVE - 1
_LAST = max(Milestone)
_WHOLE = 2**64 - 1
# Places of the words (uint64): all in one line of the cache, which others look at while they wait.
_STAGE, _CHECK, _RINGS, _PRESENT = range(4)


def stage_word(stamp: Stamp, phase: Milestone) -> int:
    """A stage as one number, which grows with generation, collective and phase, in this order."""
    if not (0 <= stamp.generation <= MAX_GENERATION and 0 <= stamp.collective <= MAX_COLLECTIVE):
        raise OverflowError(f"expected a stage that fits in a word, got {stamp}")
    return stamp.generation << _GENERATION | stamp.collective << _COLLECTIVE | phase


def parts_of(stage: int) -> tuple[int, int, Milestone]:
    """Generation, collective and phase of a word."""
    return stage >> _GENERATION, stage >> _COLLECTIVE & MAX_COLLECTIVE, Milestone(stage & _PHASES)


class OwnBoard:
    """Where a member publishes; `words` is the head of its segment. `rings` counts the publications."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self.rings = 0

    def write(self, stage: int, present: Sequence[bool]) -> None:
        """Publish a stage. `present`: which of the own blocks have any leaves; kept as it is where empty."""
        words = self._words
        self.rings += 1
        words[_RINGS] = self.rings
        if present:
            words[_PRESENT] = sum(is_there << index for index, is_there in enumerate(present))
        words[_CHECK] = stage ^ _WHOLE
        words[_STAGE] = stage


class PeerBoard:
    """What another member publishes; `words` is the head of its segment.

    `heard` counts how often its bell has rung. Where memory has no order of its own the bell gives it: there
    a publication counts only once its own ring has been heard.
    """

    def __init__(self, words: memoryview, *, ordered: bool = ORDERED) -> None:
        self._words = words
        self._ordered = ordered
        self.heard = 0

    def stage(self) -> int:
        """The last whole publication; 0 where there is none, or while another one is being written."""
        words = self._words
        stage = words[_STAGE]
        is_whole = words[_CHECK] == stage ^ _WHOLE and stage & _PHASES <= _LAST
        return stage if is_whole and (self._ordered or self.heard >= words[_RINGS]) else 0

    @property
    def is_ringing(self) -> bool:
        """Whether its bell has rung, or is about to, more often than was heard."""
        return bool(self._words[_RINGS] > self.heard)

    def reaches(self, wanted: int) -> bool:
        """Whether the member is at this stage, or a later phase of the same collective and generation."""
        stage = self.stage()
        return stage >= wanted and stage >> _COLLECTIVE == wanted >> _COLLECTIVE

    def has_taken(self, collective: int) -> bool:
        """Whether the member has taken all it needed of a collective, in any generation, or is beyond it."""
        stage = self.stage() & ((1 << _GENERATION) - 1)
        return collective < 0 or stage >= collective << _COLLECTIVE | Milestone.TAKEN

    def present(self, count: int) -> tuple[bool, ...]:
        """Of so many blocks of the member, which are there; to be asked once it has published them."""
        bits = self._words[_PRESENT]
        return tuple(bool(bits >> index & 1) for index in range(count))
