"""What happens in a group, in the words of the store: its events and its members' stays. Pure."""

from collections.abc import Mapping
from typing import cast

from lockstep.service.store.events import NewEvent
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.members import Departure, Stay
from lockstep.worker.advice import Verdict
from lockstep.worker.roster import Arrival
from lockstep.worker.slowness import SlowMember

GroupNews = Mapping[str, str | int]
"""What an event of a group carries beside its kind."""


def lead_of(claim: JobClaim) -> Stay:
    """The lead's own stay, at its start."""
    return Stay(
        attempt=claim.attempt,
        number=0,
        rank=0,
        worker_id=claim.worker.worker_id,
        host=claim.worker.host,
        role="lead",
        transport="none",
        generation=0,
        joined_step=claim.checkpoint_step or 0,
        shards=0,
        compute_seconds=0.0,
        exchange_seconds=0.0,
        waiting_seconds=0.0,
    )


def arrival_of(data: GroupNews, step: int) -> Arrival:
    """Who has joined, by the group's event; `step` is its first."""
    return Arrival(
        worker_id=str(data["worker_id"]),
        host=str(data["host"]),
        rank=int(data["rank"]),
        generation=int(data["generation"]),
        step=step,
    )


def departure_of(data: GroupNews) -> tuple[str, Departure]:
    """Who has left, and how, by the group's event."""
    return str(data["worker_id"]), cast("Departure", data["left"])


def event_of(kind: str, data: GroupNews) -> NewEvent:
    """An event of the group as the job's."""
    return NewEvent(type=kind, message=kind.replace("_", " "), data=data)


def event_of_verdict(verdict: Verdict) -> NewEvent:
    """What was found out about another member."""
    data = {
        "advised": verdict.advised,
        "reason": verdict.reason,
        "step_seconds": {str(members): seconds for members, seconds in verdict.step_seconds.items()},
    }
    return NewEvent(type="workers_advised", message=_said(verdict), data=data)


def event_of_slowness(slow: SlowMember) -> NewEvent:
    """Who keeps the others waiting."""
    times = f"{span(slow.shard_seconds)} for a shard, the others {span(slow.others_seconds)}"
    data = {
        "worker_id": slow.worker_id,
        "host": slow.host,
        "rank": slow.rank,
        "shard_seconds": slow.shard_seconds,
        "others_shard_seconds": slow.others_seconds,
    }
    message = f"the others wait for {slow.worker_id} on {slow.host}: it takes {times}"
    return NewEvent(type="slow_member", message=message, data=data, level="warning")


def span(seconds: float) -> str:
    """A short time for people: 340 µs, 3.4 ms, 1.2 s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} \N{MICRO SIGN}s"


def _said(verdict: Verdict) -> str:
    here, times = verdict.advised, verdict.step_seconds
    alone = span(times[here]) if here in times else "?"
    match verdict.reason:
        case "step_too_short":
            return f"a step takes {alone}, which is too short to be shared: no other worker is called"
        case "ends_too_soon":
            rest = span(verdict.remaining_seconds)
            return f"the rest takes {rest}, and another worker would come too late: none is called"
        case "pays":
            before = max((members for members in times if members < here), default=here)
            return f"a step takes {alone} on {_workers(here)}, on {before} {span(times[before])}: it pays"
    tried = min((members for members in times if members > here), default=here)
    return f"a step takes {span(times[tried])} on {_workers(tried)}, on {here} {alone}: one more does not pay"


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"
