"""Waiting for the first of several connections that is ready."""

import os
import select
import time

# Members of a group finish their parts at nearly the same time, and to wake a sleeping process costs
# more than the rest of a small collective (40 to 100 us on a virtual machine): so look for a moment
# before going to sleep, and leave the processor to others in between.
_SECONDS_TO_LOOK = 200e-6


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
