"""The group of an attempt as its lead keeps an eye on it: who is there, whether they pay, who is slow.

Told of every stretch of steps, it lets go of those that the advice does not want. The reporter asks it what
to write.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lockstep.core.group import Group
from lockstep.core.group.figures import MemberFigures
from lockstep.core.group.leaving import DISMISSED
from lockstep.core.group.refusals import Refusals
from lockstep.core.run import Run
from lockstep.service.store import events, members
from lockstep.service.store.events import NewEvent
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.worker import happenings
from lockstep.worker.advice import Advice, Stretch
from lockstep.worker.pace import SHORT_STRIDE_SECONDS, STRIDE_SECONDS
from lockstep.worker.roster import Roster
from lockstep.worker.slowness import SlowWatch
from lockstep.worker.spent import Spent

NEEDED_SECONDS = 1.0
"""So long a step may go on before a helper leaves it that is wanted elsewhere: its part has to be redone."""


class LedGroup(Group, Protocol):
    """A group as its lead has it: helpers may come, and be let go. `refusals` counts what it refused."""

    refusals: Refusals

    def figures(self) -> Sequence[MemberFigures]:
        """The members now, the lead first."""

    def release(self, count: int) -> None:
        """Let up to `count` helpers go after the step in progress; any thread may call it."""

    def dismiss(self) -> None:
        """Amid a step, in the thread that trains: let a helper go at once."""


class Team:
    """The members of an attempt that may have `wanted` of them.

    Without `advice` all are taken that come. All belongs to the thread that trains, but `seats`, which any
    may read, `offered`, which is set when the store knows of a free seat that it did not know of, and
    `needed_since`, which says since when a helper is wanted elsewhere.
    """

    def __init__(self, claim: JobClaim, wanted: int, advice: Advice | None) -> None:
        self._wanted = wanted
        self._advice = advice
        self._roster = Roster(happenings.lead_of(claim))
        self._slow = SlowWatch()
        self._spent = Spent()
        self._events: deque[NewEvent] = deque()
        self._in_doubt = False
        self._group: LedGroup | None = None
        self._run: Run | None = None
        self._shards = 1
        self._seen = (0, 1)
        self._alone_seconds = 0.0
        self._seats_told: int | None = None
        self.offered = threading.Event()
        self.needed_since: float | None = None

    def lead(self, group: LedGroup) -> None:
        """From now on helpers may come to `group`, whose events `note` is told; the store knows `seats`."""
        self._group = group
        self._seats_told = self.seats

    def follow(self, run: Run, shards: int) -> None:
        """This is what the group does."""
        self._run, self._shards = run, shards

    def note(self, kind: str, data: Mapping[str, str | int]) -> None:
        """Take in an event of the group."""
        step = 0 if self._run is None else self._run.step
        self._events.append(happenings.event_of(kind, data))
        if kind == "member_joined":
            self._roster.arrived(happenings.arrival_of(data, step + 1))
        elif kind == "member_left":
            worker_id, how = happenings.departure_of(data)
            took_part = how == "released" and data.get("reason") != DISMISSED
            self._roster.left(worker_id, how, step + took_part)

    @property
    def world_size(self) -> int:
        """How many members there are now."""
        return 1 if self._group is None else self._group.world_size

    @property
    def seats(self) -> int:
        """How many members the lead would have now, itself included."""
        return self._wanted if self._advice is None else min(self._advice.seats, self._wanted)

    @property
    def stride_seconds(self) -> float:
        """How long to go on without looking up."""
        return SHORT_STRIDE_SECONDS if self._advice and self._advice.measuring else STRIDE_SECONDS

    @property
    def is_urgent(self) -> bool:
        """Whether what the store knows of the seats is wrong: workers go by that."""
        return self._advice is not None and self.seats != self._seats_told

    def took(self, steps: int, seconds: float) -> None:
        """Learn from a stretch of steps, and let go who does not pay."""
        if self.world_size == 1:
            self._alone_seconds += seconds
        if self._advice is None or self._group is None or self._run is None:
            return
        seen = (self._group.generation, self._group.world_size)
        self._advice.took(
            Stretch(
                members=self._group.world_size,
                steps=steps,
                seconds=seconds,
                remaining_steps=self._run.steps - self._run.step,
                now=time.monotonic(),
                changed=seen != self._seen,
            )
        )
        self._seen = seen
        if self._group.world_size > self.seats:
            self._group.release(self._group.world_size - self.seats)
        while self._advice.verdicts:
            self._events.append(happenings.event_of_verdict(self._advice.verdicts.popleft()))

    def look_up(self) -> None:
        """Amid a long step: don't let those wait for its end who need a helper."""
        needed_since = self.needed_since
        if self._group is None or needed_since is None:
            return
        if time.monotonic() - needed_since > NEEDED_SECONDS:
            self.needed_since = None
            self._group.dismiss()

    def look(self) -> None:
        """See what the members are doing now."""
        step = 0 if self._run is None else self._run.step
        figures = [] if self._group is None else [*self._group.figures()]
        if self._group is None:
            self._roster.compute_alone(self._shards, self._alone_seconds)
        for lead in figures[:1]:
            # Its group counts no time that it is by itself.
            figures[0] = replace(lead, compute_seconds=lead.compute_seconds + self._alone_seconds)
        self._roster.look(figures)
        self._spent.look(self._roster.seconds, self._refused())
        for found in self._slow.look(figures, step):
            self._events.append(happenings.event_of_slowness(found))

    def _refused(self) -> Mapping[str, int]:
        counts = {} if self._group is None else self._group.refusals.counts()
        return {str(reason): count for reason, count in counts.items()}

    def write(self, fence: JobFence) -> None:
        """Put what is pending into a fenced transaction; it stays pending, for that may fail.

        An earlier one may have been committed and its answer lost: no event is told again.
        """
        job_id = fence.claim.job_id
        for event in self._events:
            if not (self._in_doubt and events.is_noted(fence.tx, job_id, event)):
                events.append(fence.tx, job_id, event)
        self._in_doubt = True
        members.save(fence, self._roster.unsaved)
        self._spent.write(fence.tx)

    def written(self) -> None:
        """That transaction is committed."""
        self._in_doubt = False
        self._events.clear()
        self._roster.saved()
        self._spent.written()
        if self.seats > max(self.world_size, self._seats_told or 1):
            self.offered.set()
        self._seats_told = self.seats

    @property
    def most(self) -> int:
        """How many members there were at once."""
        return self._roster.most

    @property
    def gain(self) -> float | None:
        """See Advice."""
        return None if self._advice is None else self._advice.gain

    @property
    def advised(self) -> int | None:
        """See Advice."""
        return None if self._advice is None else self._advice.advised
