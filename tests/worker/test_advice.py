"""The advice, on simulated jobs: a made-up time of a step for each number of members, noise and all."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lockstep.worker.advice import MAX_RETRY_SECONDS, RETRY_SECONDS, Advice, Reason, Stretch, Verdict

STRETCH_SECONDS, SHORT_STRETCH_SECONDS = 0.05, 0.01
StepSeconds = Callable[[int, float], float]
"""Of a number of members, at a time."""


@dataclass
class Job:
    """A job of so many steps, with `idle` workers that come `arrival_seconds` after a seat is free."""

    step_seconds: StepSeconds
    steps: int = 100_000
    most: int = 4
    idle: int = 3
    arrival_seconds: float = 0.3
    join_seconds: float = 0.03
    noise: float = 0.0
    seed: int = 1
    now: float = 0.0
    members: int = 1
    sizes: list[int] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def run(self, until: float = 1e9) -> Advice:
        """Take its steps, and do what the advice says after each stretch."""
        advice, chance = Advice(most=self.most), random.Random(self.seed)
        done, called_at, stride = 0, None, 1
        while done < self.steps and self.now < until:
            changed = joined = False
            if advice.seats > self.members and self.members - 1 < self.idle:
                called_at = self.now if called_at is None else called_at
                if self.now - called_at >= self.arrival_seconds:
                    self.members, changed, joined, called_at = self.members + 1, True, True, None
            elif advice.seats < self.members:
                self.members, changed, called_at = advice.seats, True, None
            steps = min(stride, self.steps - done)
            typical = self.step_seconds(self.members, self.now)
            seconds = steps * typical * (1 + self.noise * chance.random()) + joined * self.join_seconds
            if chance.random() < self.noise / 2:
                seconds *= 3
            self.now, done = self.now + seconds, done + steps
            advice.took(
                Stretch(
                    members=self.members, steps=steps, seconds=seconds, now=self.now, changed=changed,
                    remaining_steps=self.steps - done,
                )
            )  # fmt: skip
            self.sizes.append(self.members)
            wanted = SHORT_STRETCH_SECONDS if advice.measuring else STRETCH_SECONDS
            stride = max(1, min(int(wanted / typical), 8 * stride))
        self.verdicts = list(advice.verdicts)
        return advice

    def reasons(self) -> list[tuple[int, Reason]]:
        """What was said."""
        return [(each.advised, each.reason) for each in self.verdicts]

    def alone_seconds(self) -> float:
        """The time that it would take without anybody."""
        return self.steps * self.step_seconds(1, 0.0)


def shared(seconds: float, exchange: float) -> StepSeconds:
    """A step that is shared out evenly, and costs so much to exchange."""
    return lambda members, _: seconds / members + (exchange if members > 1 else 0.0)


def on_cores(cores: int, seconds: float, exchange: float) -> StepSeconds:
    """The same on a machine with so many cores: more members than that only wait for each other."""
    return lambda members, _: seconds / min(members, cores) + (exchange * members if members > 1 else 0.0)


def test_who_makes_a_step_faster_stays() -> None:
    job = Job(shared(2e-3, 2e-4), steps=20_000)

    advice = job.run()

    assert (job.members, advice.advised) == (4, 4)
    assert job.reasons() == [(2, "pays"), (3, "pays"), (4, "pays")]
    assert job.now < 0.45 * job.alone_seconds()


def test_the_climb_stops_where_another_one_stops_paying() -> None:
    job = Job(on_cores(2, 2e-3, 1e-4), steps=20_000)

    advice = job.run()

    assert (job.members, advice.seats, advice.advised) == (2, 2, 2)
    assert job.reasons() == [(2, "pays"), (2, "does_not_pay")]
    assert set(job.verdicts[-1].step_seconds) == {1, 2, 3}


@pytest.mark.parametrize("slower", [1.0, 1.5, 4.0])
def test_a_helper_that_does_not_pay_costs_little(slower: float) -> None:
    job = Job(lambda members, _: 1e-3 * (1 if members == 1 else slower), steps=5_000)

    advice = job.run()

    assert advice.advised == 1
    assert job.reasons() == [(1, "does_not_pay")]
    assert 2 in job.sizes
    assert job.now < job.alone_seconds() / 0.98


def test_nobody_is_called_to_steps_that_are_too_short_to_share() -> None:
    job = Job(shared(5e-5, 1e-4), steps=200_000)

    advice = job.run()

    assert set(job.sizes) == {1}
    assert (advice.advised, job.reasons()) == (1, [(1, "step_too_short")])


def test_nobody_is_called_to_a_job_that_is_nearly_over() -> None:
    job = Job(shared(2e-3, 1e-4), steps=900)

    advice = job.run()

    assert set(job.sizes) == {1}
    assert (advice.advised, job.reasons()) == (1, [(1, "ends_too_soon")])


def test_where_nobody_is_free_nothing_is_said() -> None:
    job = Job(shared(2e-3, 1e-4), steps=5_000, idle=0)

    advice = job.run(until=5.0)

    assert (advice.seats, advice.advised, job.reasons()) == (2, None, [])


@pytest.mark.parametrize("seed", range(20))
def test_noise_misleads_it_rarely_and_costs_little(seed: int) -> None:
    good = Job(shared(2e-3, 2e-4), most=2, idle=1, noise=0.3, seed=seed, steps=20_000)
    bad = Job(shared(2e-3, 2e-3), most=2, idle=1, noise=0.3, seed=seed, steps=20_000)
    nobody = Job(shared(2e-3, 2e-4), most=2, idle=0, noise=0.3, seed=seed, steps=20_000)
    for job in (good, bad, nobody):
        job.run()

    assert good.now < 0.7 * nobody.now
    assert bad.sizes.count(2) < 0.04 * len(bad.sizes)


def test_what_does_not_pay_is_tried_again_rarely() -> None:
    job = Job(shared(2e-3, 2e-3), most=2, steps=10**9)

    job.run(until=1800.0)

    trials = sum(was == 1 and now == 2 for was, now in zip(job.sizes, job.sizes[1:], strict=False))
    assert 4 <= trials <= 8
    assert job.reasons() == [(1, "does_not_pay")]


def test_what_did_not_pay_once_may_pay_later() -> None:
    busy_until = 20.0
    job = Job(
        lambda members, now: 2e-3 if members == 1 else (4e-3 if now < busy_until else 1.2e-3),
        most=2, steps=10**9,
    )  # fmt: skip

    advice = job.run(until=busy_until + 2 * RETRY_SECONDS)

    assert (job.members, advice.advised) == (2, 2)
    assert job.reasons() == [(1, "does_not_pay"), (2, "pays")]


def test_who_does_not_pay_any_more_is_let_go() -> None:
    busy_from = 40.0
    job = Job(
        lambda members, now: 2e-3 if members == 1 else (1.2e-3 if now < busy_from else 5e-3),
        most=2, steps=10**9,
    )  # fmt: skip

    advice = job.run(until=busy_from + MAX_RETRY_SECONDS / 4)

    assert (job.members, advice.advised) == (1, 1)
    assert job.reasons() == [(2, "pays"), (1, "does_not_pay")]


def test_a_machine_that_is_slower_for_all_loses_no_helper() -> None:
    slow_from = 40.0
    job = Job(
        lambda members, now: (2e-3 if members == 1 else 1.2e-3) * (1 if now < slow_from else 3),
        most=2, steps=10**9,
    )  # fmt: skip

    advice = job.run(until=slow_from + 200)

    assert (job.members, advice.advised) == (2, 2)
    assert job.sizes[-1000:].count(2) == 1000


def test_a_seat_is_worth_what_one_more_saves() -> None:
    nobody = Job(shared(2e-3, 1e-4), steps=10**9, idle=0).run(until=3.0)
    one = Job(shared(2e-3, 1e-4), steps=10**9, idle=1).run(until=3.0)
    two = Job(shared(2e-3, 1e-4), steps=10**9, idle=2).run(until=3.0)
    full = Job(shared(2e-3, 1e-4), steps=10**9).run(until=5.0)

    assert nobody.gain == 1.0
    assert one.gain is not None
    assert two.gain is not None
    assert 1.0 > one.gain > two.gain > 0
    assert full.gain is None
