"""Leaving so that the last words arrive."""

import select
import time

from lockstep.core.group.channel import Channel


def see_off(channels: list[Channel], deadline: float) -> None:
    """Wait until all peers have closed, or the deadline."""
    remaining = {channel.fileno(): channel for channel in channels}
    poll = select.poll()
    for descriptor in remaining:
        poll.register(descriptor, select.POLLIN)
    while remaining:
        ready = poll.poll(max(0.0, (deadline - time.monotonic()) * 1000))
        if not ready:
            return
        for descriptor, _ in ready:
            if remaining[descriptor].drain():
                poll.unregister(descriptor)
                del remaining[descriptor]
