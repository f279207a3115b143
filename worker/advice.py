"""How many members a job should have, by what its steps take with each number of them. It never alters a bit.

Hill-climbing: the lead measures alone, then with one more. Who makes a step faster stays, and the next one is
tried; who does not is let go, and tried again only much later. Pure: it is told the time, and decides.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

MIN_SAMPLES = 7
"""Stretches of steps that a verdict takes: their median, so that a few disturbed ones change nothing."""
WINDOW = 24
MAX_EXPECTED = 200
"""Stretches for which a called helper is expected any moment; later ones are as welcome, but no surprise."""
STARTING, SETTLING = 3, 1
"""Stretches that don't count: the first of an attempt, and the first after a change of members."""
MIN_GAIN = 0.05
"""A member that takes less than this from the time of a step does not pay."""
CLEARLY_SLOWER = 1.1
TRIAL_SHARE = 0.01
"""The part of the remaining time that a trial may cost, before two clearly slower stretches end it."""
MIN_SHARE_SECONDS = 100e-6
"""An exchange costs about as much (docs/benchmarks.md): where each member's part of a step is less, none is
called."""
MIN_REMAINING_SECONDS = 2.0
"""Until a helper has come, has the weights and has its buffers, a shorter rest is over, or nearly."""
RETRY_SECONDS, MAX_RETRY_SECONDS = 30.0, 600.0
"""When what was judged is judged again: then, and twice as late each time."""

Reason = Literal["pays", "does_not_pay", "step_too_short", "ends_too_soon"]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Some steps in a row, done in `seconds`; at their end, `now` (monotonic), there are so many `members`.

    `changed`: somebody came or went meanwhile. `remaining_steps` are the most that can come.
    """

    members: int
    steps: int
    seconds: float
    remaining_steps: int
    now: float
    changed: bool = False

    @property
    def step_seconds(self) -> float:
        """What a step took."""
        return self.seconds / max(self.steps, 1)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found out: `advised` members, and why not more, or that the last one pays.

    `step_seconds` by number of members, as far as it was measured.
    """

    advised: int
    reason: Reason
    step_seconds: Mapping[int, float]
    remaining_seconds: float


@dataclass(kw_only=True)
class _Pause:
    """When a number of members that was judged may be judged again."""

    until: float
    seconds: float


@dataclass(kw_only=True)
class _Recheck:
    """The last member is let go for a while, to see whether it still pays: a step took so long with it."""

    with_it_seconds: float


@dataclass(kw_only=True)
class Advice:
    """Of one attempt at a job that may have `most` members.

    `seats` is how many the lead would have now, itself included; `advised` the number at which another one
    stops paying, as far as that was measured, None before. `verdicts` grows with what is found out.
    """

    most: int
    seats: int = 1
    advised: int | None = None
    verdicts: deque[Verdict] = field(default_factory=deque)
    _members: int = 1
    _paying: int = 1
    _settling: int = STARTING
    _samples: dict[int, deque[float]] = field(default_factory=dict)
    _before: dict[int, float] = field(default_factory=dict)
    """By number of members that pay: what a step took with one less."""
    _pauses: dict[int, _Pause] = field(default_factory=dict)
    _called: set[int] = field(default_factory=set)
    _expected: int = 0
    """Stretches since the seat that is free now was opened."""
    _lost_seconds: float = 0.0
    _recheck: _Recheck | None = None
    _last: tuple[int, Reason] | None = None

    @property
    def measuring(self) -> bool:
        """Whether short stretches are wanted: something is found out, or somebody may come any moment."""
        expecting = self.seats > self._members and self._expected < MAX_EXPECTED
        return expecting or len(self._samples.get(self._members, ())) < MIN_SAMPLES

    @property
    def gain(self) -> float | None:
        """The seconds that one more member would save in a second; None where none is wanted.

        Of a member that has not been tried it is what the last one gave, and 1 at first: a perfect helper.
        """
        here = self._members
        if self.seats <= here:
            return None
        if here == 1:
            known = self._ratio(2)
            return 1.0 if known is None else known
        known = self._ratio(here + 1)
        if known is not None:
            return known
        last = self._ratio(here)
        return (1.0 if last is None else last * (here - 1)) / here

    def took(self, stretch: Stretch) -> None:
        """Learn from some steps."""
        here = stretch.members
        if here > self._paying:
            if self._members <= self._paying:
                self._lost_seconds = 0.0
            self._lost_seconds += stretch.seconds - stretch.steps * self._typical(self._paying)
        if stretch.changed or here != self._members:
            self._begin(here)
            return
        if self._settling:
            self._settling -= 1
            return
        self._samples.setdefault(here, deque(maxlen=WINDOW)).append(stretch.step_seconds)
        if here > self._paying:
            self._judge_trial(stretch)
        elif here == self._paying:
            self._judge_present(stretch)
        else:
            self._judge_fewer(stretch)

    def _begin(self, members: int) -> None:
        """There are other members now."""
        self._members, self._settling, self._expected = members, SETTLING, 0
        if members != self._paying or self._recheck:
            self._samples.pop(members, None)

    def _judge_trial(self, stretch: Stretch) -> None:
        """The last member, or the last few, are new here: do they pay?"""
        here, samples = stretch.members, self._samples[stretch.members]
        if here > self.seats:
            return  # it came uncalled, and is about to be let go
        without, with_them = self._typical(self._paying), median(samples)
        may_lose = TRIAL_SHARE * stretch.remaining_steps * without
        if len(samples) < MIN_SAMPLES:
            hopeless = len(samples) >= 2 and min(samples) > CLEARLY_SLOWER * without
            if not (hopeless and self._lost_seconds > may_lose):
                return
        if with_them <= (1 - MIN_GAIN) * without:
            self._before[here] = without
            self._paying = here
            self._pause(here, stretch.now)
            self._say("pays", stretch)
            return
        self._refuse(here, stretch)

    def _refuse(self, members: int, stretch: Stretch) -> None:
        """So many do not pay: one of them goes."""
        self._pause(members, stretch.now)
        self.seats = max(members - 1, self._paying)
        if self.seats == self._paying:
            self._say("does_not_pay", stretch)

    def _judge_present(self, stretch: Stretch) -> None:
        """As many as are known to pay: are they still, and would one more?"""
        here, samples = stretch.members, self._samples[stretch.members]
        self.seats = max(self.seats, here)
        if len(samples) < MIN_SAMPLES:
            return
        typical = median(samples)
        if here > 1 and typical > self._before[here] and self._may_judge(here, stretch.now):
            # Was everything slowed down, or does it not pay any more? Only a look without it tells.
            self._recheck = _Recheck(with_it_seconds=typical)
            self.seats = here - 1
            return
        self._recheck = None
        self.seats = here + 1 if self._should_call(here + 1, typical, stretch) else here

    def _should_call(self, members: int, typical: float, stretch: Stretch) -> bool:
        if members > self.most:
            self.advised = self._paying
            return False
        if not self._may_judge(members, stretch.now):
            return False
        if typical / members < MIN_SHARE_SECONDS:
            self._pause(members, stretch.now)
            self._say("step_too_short", stretch)
            return False
        if stretch.remaining_steps * typical < MIN_REMAINING_SECONDS:
            if members not in self._called:
                self._pause(members, stretch.now)
                self._say("ends_too_soon", stretch)
            return False
        self._called.add(members)
        self._expected += 1
        return True

    def _judge_fewer(self, stretch: Stretch) -> None:
        """Fewer than are known to pay: more are welcome, but for a look at whether the last still pays."""
        here, samples = stretch.members, self._samples[stretch.members]
        if self._recheck is None or here != self._paying - 1:
            self.seats = self._paying
            self._recheck = None
            return
        if len(samples) < MIN_SAMPLES:
            return
        without, with_it = median(samples), self._recheck.with_it_seconds
        self._recheck = None
        if with_it <= (1 - MIN_GAIN) * without:
            self._before[self._paying] = without
            self._pause(self._paying, stretch.now)
            self.seats = self._paying
            return
        self._paying = here
        self._refuse(here + 1, stretch)

    def _pause(self, members: int, now: float) -> None:
        before = self._pauses.get(members)
        seconds = RETRY_SECONDS if before is None else min(2 * before.seconds, MAX_RETRY_SECONDS)
        self._pauses[members] = _Pause(until=now + seconds, seconds=seconds)

    def _may_judge(self, members: int, now: float) -> bool:
        pause = self._pauses.get(members)
        return pause is None or now >= pause.until

    def _typical(self, members: int) -> float:
        """What a step takes with so many members; 0 where that is not known."""
        samples = self._samples.get(members)
        return median(samples) if samples else 0.0

    def _ratio(self, members: int) -> float | None:
        """The seconds that the last of so many members saves in a second; None where it was not measured."""
        before, now = self._before.get(members), self._typical(members)
        return before / now - 1 if before and now else None

    def _say(self, reason: Reason, stretch: Stretch) -> None:
        self.advised = self._paying
        if self._last == (self._paying, reason):
            return
        self._last = (self._paying, reason)
        times = {members: self._typical(members) for members in sorted(self._samples)}
        remaining = stretch.remaining_steps * self._typical(stretch.members)
        self.verdicts.append(
            Verdict(advised=self._paying, reason=reason, step_seconds=times, remaining_seconds=remaining)
        )
