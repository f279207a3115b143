"""What a lead does with what it has measured: who is let go, what is told, what is written."""

import time
from collections.abc import Sequence

import pytest

from lockstep.core.group.figures import MemberFigures
from lockstep.core.group.refusals import Refusals
from lockstep.core.group.solo import SoloGroup
from lockstep.core.run import Run, prepare
from lockstep.core.submission import parse_job, resolve
from lockstep.service.store import events, members
from lockstep.service.store.events import Event
from lockstep.service.store.leases import JobFence
from lockstep.service.store.members import Stay
from lockstep.worker.advice import MIN_SAMPLES, SETTLING, STARTING, Advice
from lockstep.worker.pace import SHORT_STRIDE_SECONDS, STRIDE_SECONDS
from lockstep.worker.slowness import LOOKS
from lockstep.worker.team import NEEDED_SECONDS, Team
from tests.worker.bench import LINE, MOONS, Bench

WAIT_SECONDS = 100.0


class OpenHouse(SoloGroup):
    """A group to which members come, and from which they go, as a test says; it computes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.world_size = 1
        self.released: list[int] = []
        self.shown: Sequence[MemberFigures] = ()
        self.refusals = Refusals()

    def figures(self) -> Sequence[MemberFigures]:
        """As the test has set them."""
        return self.shown

    def release(self, count: int) -> None:
        """Noted only."""
        self.released.append(count)

    def dismiss(self) -> None:
        """One that has to go at once is 0 in the notes."""
        self.released.append(0)

    def change(self, team: Team, kind: str, **data: str | int) -> None:
        """Let a helper come or go."""
        self.world_size += 1 if kind == "member_joined" else -1
        self.generation += 1
        common: dict[str, str | int] = {
            "peer": "there:1",
            "host": "there",
            "rank": 1,
            "worker_id": "worker_b",
        }
        team.note(kind, {**common, "generation": self.generation, "world_size": self.world_size, **data})


def run_of(epochs: int = 1000) -> Run:
    return prepare(resolve(parse_job({**MOONS, "epochs": epochs}), lambda: 7)).start(SoloGroup(), None, None)


def stretches(team: Team, count: int, step_seconds: float) -> None:
    for _ in range(count):
        team.took(10, 10 * step_seconds)


def figures(worker_id: str, rank: int, compute_seconds: float) -> MemberFigures:
    return MemberFigures(
        rank=rank,
        worker_id=worker_id,
        host="there",
        role="helper" if rank else "lead",
        transport="tcp" if rank else "none",
        generation=1,
        joined_collective=0,
        shards=2,
        compute_seconds=compute_seconds,
        exchange_seconds=0.5,
        waiting_seconds=0.25,
    )


def written(fence: JobFence, team: Team) -> tuple[list[Event], list[Stay]]:
    """What stands in the store once the team has written."""
    team.write(fence)
    team.written()
    job_id = fence.claim.job_id
    found = events.list_events(fence.tx, job_id)
    return [event for event in found if event.type != "status"], members.list_members(fence.tx, job_id)


@pytest.fixture
def group() -> OpenHouse:
    return OpenHouse()


def test_a_helper_that_does_not_pay_is_let_go_and_an_event_says_so(bench: Bench, group: OpenHouse) -> None:
    bench.submit(MOONS, workers=2)
    lease = bench.claim()
    team = Team(lease.claim, 2, Advice(most=2))
    team.lead(group)
    team.follow(run_of(), 4)

    assert (team.seats, team.is_urgent, team.stride_seconds) == (1, False, SHORT_STRIDE_SECONDS)
    lease.write(lambda fence: written(fence, team))
    stretches(team, STARTING + MIN_SAMPLES, 2e-3)
    assert (team.seats, team.gain, team.is_urgent, team.offered.is_set()) == (2, 1.0, True, False)
    lease.write(lambda fence: written(fence, team))
    assert (team.is_urgent, team.offered.is_set()) == (False, True)
    group.change(team, "member_joined")
    stretches(team, 1 + SETTLING + MIN_SAMPLES, 3e-3)
    assert (team.seats, group.released) == (1, [1])
    group.change(team, "member_left", left="released")
    stretches(team, 1 + SETTLING + MIN_SAMPLES, 2e-3)
    assert (group.released, team.stride_seconds) == ([1], STRIDE_SECONDS)

    told, stays = lease.write(lambda fence: written(fence, team))
    assert [event.type for event in told] == ["member_joined", "workers_advised", "member_left"]
    assert told[1].message == "a step takes 3 ms on 2 workers, on 1 2 ms: one more does not pay"
    assert (told[1].data["advised"], told[1].data["reason"]) == (1, "does_not_pay")
    assert [(stay.worker_id, stay.role, stay.left) for stay in stays] == [
        ("worker_a", "lead", None),
        ("worker_b", "helper", "released"),
    ]
    assert (team.most, team.advised) == (2, 1)


def test_what_may_be_committed_already_is_told_once(bench: Bench, group: OpenHouse) -> None:
    bench.submit(MOONS, workers=2)
    lease = bench.claim()
    team = Team(lease.claim, 2, None)
    team.lead(group)
    team.follow(run_of(), 4)
    group.change(team, "member_joined")

    for _ in range(2):  # committed, and nobody heard of it
        lease.write(team.write)
    group.change(team, "member_left", left="died")
    told, _ = lease.write(lambda fence: written(fence, team))

    assert [event.type for event in told] == ["member_joined", "member_left"]
    group.change(team, "member_joined")
    told, _ = lease.write(lambda fence: written(fence, team))
    assert [event.type for event in told] == ["member_joined", "member_left", "member_joined"]


def test_without_advice_all_may_come(bench: Bench, group: OpenHouse) -> None:
    bench.submit(MOONS, workers=4)
    team = Team(bench.claim().claim, 4, None)
    team.lead(group)
    team.follow(run_of(), 4)
    group.change(team, "member_joined")
    stretches(team, 100, 2e-3)

    assert (team.seats, team.is_urgent, team.advised, group.released) == (4, False, None, [])


def test_the_slow_member_is_named(bench: Bench, group: OpenHouse) -> None:
    bench.submit(MOONS, workers=2)
    lease = bench.claim()
    team = Team(lease.claim, 2, None)
    team.lead(group)
    run = run_of()
    team.follow(run, 4)
    group.change(team, "member_joined")
    for look in range(LOOKS + 1):
        group.shown = [figures("worker_a", 0, look), figures("worker_b", 1, 3.0 * look)]
        team.look()
        run.advance(10)

    told, stays = lease.write(lambda fence: written(fence, team))
    slow = told[-1]
    assert (slow.type, slow.level, slow.data["worker_id"]) == ("slow_member", "warning", "worker_b")
    assert slow.message.startswith("the others wait for worker_b on there: it takes 150 ms for a shard")
    assert stays[1].compute_seconds == 3.0 * LOOKS


def test_one_alone_has_the_time_of_its_steps(bench: Bench) -> None:
    job_id = bench.submit(LINE)

    bench.lead()

    with bench.database.read() as tx:
        (lead,) = members.list_members(tx, job_id)
    assert (lead.worker_id, lead.role, lead.shards, lead.left) == ("worker_a", "lead", 1, "released")
    assert lead.compute_seconds > 0
    assert lead.left_step == bench.job(job_id).step


def test_a_helper_leaves_a_long_step_only_after_it_was_needed_for_a_while(
    bench: Bench, group: OpenHouse
) -> None:
    bench.submit(MOONS, workers=2)
    team = Team(bench.claim().claim, 2, None)
    team.lead(group)

    team.look_up()
    now = time.monotonic()
    team.needed_since = now + WAIT_SECONDS
    team.look_up()
    assert group.released == []
    team.needed_since = now - 2 * NEEDED_SECONDS
    team.look_up()
    team.look_up()

    assert group.released == [0]
