"""Waiting for the first of several connections and bells that is ready."""

import os
import select
import time
from collections.abc import Callable

from lockstep.core.group.publication import ORDERED

# Members of a group finish their parts at nearly the same time, and to wake a sleeping process costs
# more than the rest of a small collective (40 to 100 us on a virtual machine): so look for a moment
# before going to sleep, and leave the processor to others in between.
_SECONDS_TO_LOOK = 200e-6
SECONDS_TO_SPIN = 50e-6


def wait(poll: select.poll, deadline: float) -> list[tuple[int, int]]:
    """What `poll` reports; empty if nothing was ready before `deadline` (by the monotonic clock)."""
    now = time.monotonic()
    until = min(deadline, now + _SECONDS_TO_LOOK)
    while True:
        ready = poll.poll(0)
        if ready:
            return ready
        now = time.monotonic()
        if now >= until:
            return poll.poll(max(0.0, (deadline - now) * 1000))
        os.sched_yield()


class Waiter:
    """Waits for what other members do; where it `spins`, it looks for a moment before sleeping."""

    def __init__(self, *, spins: bool) -> None:
        self._spins = spins

    def wait(self, poll: select.poll, deadline: float, look: Callable[[], bool]) -> list[tuple[int, int]]:
        """What `poll` reports; empty where `look()` has brought something first, or at the deadline.

        `look` takes in what others have published in shared memory; it was just called, and had brought
        nothing. `deadline` is by the monotonic clock.
        """
        now = time.monotonic()
        until = min(deadline, now + SECONDS_TO_SPIN) if self._spins else now
        while now < until:
            os.sched_yield()
            if look():
                return []
            now = time.monotonic()
        return poll.poll(max(0.0, (deadline - now) * 1000))


def may_spin(members_here: int) -> bool:
    """Whether so many members on this host may look for a moment before they sleep.

    Only where each has a core: two who look on one core keep each other from what they wait for. And only
    where loads happen in order, so that what is seen may be believed without the bell.
    """
    return ORDERED and members_here <= len(os.sched_getaffinity(0))
