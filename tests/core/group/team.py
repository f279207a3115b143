"""A lead, helpers and works for the tests of the group."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block, TreeSum
from lockstep.core.group import Group, LeadLost, Released
from lockstep.core.group.frames import FRAME_BYTES
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.messages import Acceptance, Introduction
from lockstep.core.group.terms import GroupIdentity, GroupTerms, Timeouts, TransportChoice

IDENTITY = GroupIdentity(
    job_id="job_1", attempt=3, secret=bytes(range(32)), fingerprint="ab" * 32, spec_sha256="cd" * 32
)
QUICK = Timeouts(handshake_seconds=1.0, step_seconds=0.25, lead_seconds=5.0, close_seconds=0.5)
PATIENT = replace(QUICK, step_seconds=4.0, least_seconds=4.0)

HELLO_BYTES = 145
HAND_SHAKE_BYTES = HELLO_BYTES + 32  # what a helper sends before its first frame
CHALLENGE_BYTES = 8 + 1 + 32 + 32  # what the lead answers to the greeting
# Introduced itself, too. All ports that the kernel chooses have five digits.
_DOOR = ("127.0.0.1", 40_000)
_INTRODUCTION = Introduction(number=1, worker_id="helper", host="here", door=_DOOR, meant=_DOOR)
INTRODUCED_BYTES = HAND_SHAKE_BYTES + FRAME_BYTES + len(_INTRODUCTION.to_bytes())
ACCEPTANCE_BYTES = len(Acceptance(number=1, doors={0: _DOOR}).to_bytes())
STATE_BYTES = 8  # of the state that a joiner gets: the number of the step


class Numbers:
    """A Work whose leaves differ much in size, so that each order of additions has bits of its own.

    It follows from `seed` alone. Leaves in `empty` are empty.
    """

    def __init__(
        self,
        leaves: int,
        width: int = 5,
        seed: int = 0,
        dtype: type = np.float32,
        empty: frozenset[int] = frozenset(),
    ) -> None:
        self.leaves = leaves
        self.width = width
        self.dtype = np.dtype(dtype)
        self._seed = seed
        self._empty = empty
        self._tree = TreeSum(width, self.dtype)
        self.computed: list[Block] = []
        self.look_up: LookUp | None = None

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """See Work."""
        self.computed.append(block)
        self._tree.start(out)
        for leaf in block.leaves():
            if leaf not in self._empty:
                self._tree.add(Block(leaf, 1), self._vector(leaf))
        return self._tree.finish()

    def _vector(self, leaf: int) -> np.ndarray:
        random = np.random.default_rng((self._seed, leaf))
        scale = self.dtype.type(10.0 ** random.integers(-6, 7))
        some = random.standard_normal(min(self.width, 4_099)).astype(self.dtype) * scale
        return np.resize(some, self.width)

    def total(self) -> np.ndarray:
        """What the sum has to be, to the bit: taken over the whole tree at once."""
        total = np.empty(self.width, self.dtype)
        leaves = 1 << (self.leaves - 1).bit_length()
        empty = self._empty | set(range(self.leaves, leaves))
        whole = Numbers(leaves, self.width, self._seed, self.dtype.type, frozenset(empty))
        return total if whole.partial(Block(0, leaves), total) else np.zeros_like(total)


def terms(
    transport: TransportChoice = "auto",
    timeouts: Timeouts = PATIENT,
    identity: GroupIdentity = IDENTITY,
    worker_id: str = "",
) -> GroupTerms:
    """A member's terms on this machine."""
    return GroupTerms(
        identity=identity,
        timeouts=timeouts,
        listen_host="127.0.0.1",
        worker_id=worker_id,
        host="here",
        transport=transport,
    )


WorkOf = Callable[[int], Numbers]


def do_step(group: Group, step: int, work: Numbers) -> None:
    """One collective of a member, checked."""
    group.welcome(lambda: f"{step:0{STATE_BYTES}}".encode())
    out = np.full(work.width, np.nan, work.dtype)
    group.all_reduce(work, out, admits=True)
    np.testing.assert_array_equal(out, work.total(), err_msg=f"step {step}, world {group.world_size}")


@dataclass
class LeadRun:
    """A lead at its steps. `work_of` gives the work of each step; it must be the helpers' too."""

    work_of: WorkOf
    seats: int = 8
    timeouts: Timeouts = PATIENT
    transport: TransportChoice = "auto"
    identity: GroupIdentity = IDENTITY
    step: int = 0
    events: list[tuple[str, Mapping[str, str | int]]] = field(default_factory=list)
    lead: GroupLead = field(init=False)

    def __post_init__(self) -> None:
        self.lead = GroupLead(
            terms(self.transport, self.timeouts, self.identity, "lead"), self.seats, self._note
        )

    def _note(self, kind: str, data: Mapping[str, str | int]) -> None:
        self.events.append((kind, data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lead.close("over")

    def steps(self, count: int) -> None:
        """Do some steps, each checked to the bit."""
        for _ in range(count):
            do_step(self.lead, self.step, self.work_of(self.step))
            self.step += 1

    def steps_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Do steps until something has come about."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"it did not come about within {seconds} s; events: {self.events}")
            self.steps(1)
            time.sleep(0.001)

    def steps_until_world_is(self, world_size: int) -> None:
        """Do steps until the group has so many members, all with their state."""
        self.steps_until(lambda: self.lead.world_size == world_size)

    def reasons(self) -> list[str]:
        """Why members left, in order."""
        return [str(data["reason"]) for kind, data in self.events if kind == "member_left"]


class HelperRun:
    """A helper at its steps, on a thread of its own, until it is let go, fails, or has done `stays` of them.

    `steps` holds those that it has done, each checked to the bit; `end` what ended it.
    """

    def __init__(
        self,
        address: tuple[str, int],
        work_of: WorkOf,
        timeouts: Timeouts = PATIENT,
        transport: TransportChoice = "auto",
        stays: int | None = None,
        identity: GroupIdentity = IDENTITY,
    ) -> None:
        self._address = address
        self._work_of = work_of
        self._terms = terms(transport, timeouts, identity, "helper")
        self._stays = stays
        self.steps: list[int] = []
        self.world_sizes: list[int] = []
        self.end: BaseException | None = None
        self.helper: GroupHelper | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            helper = self.helper = GroupHelper.join(self._terms, self._address)
            step = int(helper.state)
            try:
                while len(self.steps) != self._stays:
                    self.world_sizes.append(helper.world_size)
                    do_step(helper, step, self._work_of(step))
                    self.steps.append(step)
                    step += 1
            finally:
                helper.close("had enough")
        except BaseException as error:
            self.end = error

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def join(self, seconds: float = 10.0) -> Self:
        """Wait for its end. Raises what ended it, unless that is how helpers may end."""
        self._thread.join(seconds)
        if not self.is_done:
            raise TimeoutError(f"the helper still runs after {seconds} s, at step {self.steps[-1:]}")
        if self.end is not None and not isinstance(self.end, Released | LeadLost):
            raise self.end
        return self


def numbers(leaves: int, width: int = 5) -> WorkOf:
    """Works of one shape, other numbers at each step."""
    return lambda step: Numbers(leaves, width, seed=step)


def cycle(works: Sequence[WorkOf]) -> WorkOf:
    """Works of several shapes in turn."""
    return lambda step: works[step % len(works)](step)
