"""A member's own memory: a segment that others on its host may read, where that is wanted and can be had."""

import logging

from lockstep.core.group.links import Arena
from lockstep.core.group.segment import NoSharedMemory, Segment
from lockstep.core.group.shm_link import SegmentArena
from lockstep.core.group.tcp_link import LocalArena
from lockstep.core.group.terms import TransportChoice

logger = logging.getLogger(__name__)


def own_memory(transport: TransportChoice) -> tuple[Arena, Segment | None]:
    """Where the member keeps its vectors, and the segment that they are in, if they are in one.

    Raises NoSharedMemory where `transport` asks for it and there is none.
    """
    if transport != "tcp":
        try:
            segment = Segment()
            return SegmentArena(segment), segment
        except NoSharedMemory as error:
            if transport == "shared_memory":
                raise
            logger.info("action=group_without_shared_memory reason=%s", error)
    return LocalArena(), None
