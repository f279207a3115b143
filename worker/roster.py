"""Who has been in the group of an attempt, from what the group tells and shows. Pure.

A stay begins and ends with an event; in between the group's figures say where its time goes. So a worker that
left between two looks at the figures is known all the same, with the figures of the last look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lockstep.core.group.figures import MemberFigures
from lockstep.service.store.members import Departure, Stay


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A helper that the lead let in; `step` is the first that it takes part in."""

    worker_id: str
    host: str
    rank: int
    generation: int
    step: int


class Roster:
    """The stays of one attempt. `most` is how many members there were at once."""

    def __init__(self, lead: Stay) -> None:
        self._stays = [lead]
        self._present = {lead.worker_id: 0}
        self._unsaved = {0}
        self.most = 1

    def arrived(self, arrival: Arrival) -> None:
        """A helper has come."""
        if arrival.worker_id in self._present:
            self.left(arrival.worker_id, "cut", arrival.step)
        lead, number = self._stays[0], len(self._stays)
        self._stays.append(
            Stay(
                attempt=lead.attempt,
                number=number,
                rank=arrival.rank,
                worker_id=arrival.worker_id,
                host=arrival.host,
                role="helper",
                transport="none",
                generation=arrival.generation,
                joined_step=arrival.step,
                shards=0,
                compute_seconds=0.0,
                exchange_seconds=0.0,
                waiting_seconds=0.0,
            )
        )
        self._present[arrival.worker_id] = number
        self._unsaved.add(number)
        self.most = max(self.most, len(self._present))

    def left(self, worker_id: str, how: Departure, step: int) -> None:
        """A helper has gone; `step` is the first without it."""
        number = self._present.pop(worker_id, None)
        if number is not None:
            # One that was let in and was gone before its first step has taken part in none.
            at = max(step, self._stays[number].joined_step)
            self._put(number, replace(self._stays[number], left=how, left_step=at))

    def look(self, figures: Sequence[MemberFigures]) -> None:
        """Take over what the group shows of those who are present."""
        for shown in figures:
            number = self._present.get(shown.worker_id)
            if number is not None:
                stay = replace(
                    self._stays[number],
                    rank=shown.rank,
                    transport=shown.transport,
                    generation=shown.generation,
                    shards=shown.shards,
                    compute_seconds=shown.compute_seconds,
                    exchange_seconds=shown.exchange_seconds,
                    waiting_seconds=shown.waiting_seconds,
                )
                self._put(number, stay)

    def compute_alone(self, shards: int, seconds: float) -> None:
        """The lead is by itself, where no group counts its time."""
        self._put(0, replace(self._stays[0], shards=shards, compute_seconds=seconds))

    @property
    def unsaved(self) -> list[Stay]:
        """Those that have changed since `saved`, in the order of their coming."""
        return [self._stays[number] for number in sorted(self._unsaved)]

    @property
    def seconds(self) -> Mapping[str, float]:
        """What all of them together have spent their time on up to now."""
        return {
            "computing": sum(stay.compute_seconds for stay in self._stays),
            "exchanging": sum(stay.exchange_seconds for stay in self._stays),
            "waiting": sum(stay.waiting_seconds for stay in self._stays),
        }

    def saved(self) -> None:
        """All that was unsaved is written down."""
        self._unsaved.clear()

    def _put(self, number: int, stay: Stay) -> None:
        if stay != self._stays[number]:
            self._stays[number] = stay
            self._unsaved.add(number)
