"""What is said of members that come and go: in events, and in the log."""

import logging
from collections.abc import Callable, Mapping

from lockstep.core.group.followers import Follower
from lockstep.core.group.terms import GroupIdentity

logger = logging.getLogger(__name__)

OnEvent = Callable[[str, Mapping[str, str | int]], None]


class Herald:
    """Tells `on_event` of "member_joined" {peer, worker_id, host, rank, world_size, generation} and of
    "member_left" {peer, worker_id, host, rank, left, reason} (see leaving.py).
    """

    def __init__(self, identity: GroupIdentity, on_event: OnEvent) -> None:
        self._identity = identity
        self._on_event = on_event

    def joined(self, follower: Follower, rank: int, world_size: int, generation: int) -> None:
        """It is a member now."""
        data: dict[str, str | int] = {**follower.told, "rank": rank}
        self._on_event("member_joined", data | {"world_size": world_size, "generation": generation})

    def released(self, follower: Follower, rank: int) -> None:
        """The lead has let it go."""
        reason = "released by the lead"
        self._on_event("member_left", {**follower.told, "rank": rank, "left": "released", "reason": reason})

    def lost(self, follower: Follower, rank: int) -> None:
        """It went by itself, or was given up."""
        reason, left = follower.peer.lost or ("it is lost", "died")
        logger.warning(
            "action=group_member_lost job=%s attempt=%d peer=%s rank=%d left=%s reason=%s",
            self._identity.job_id,
            self._identity.attempt,
            follower.name,
            rank,
            left,
            reason,
        )
        self._on_event("member_left", {**follower.told, "rank": rank, "left": left, "reason": reason})
