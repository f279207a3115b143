"""Two processes that add vectors through shared memory, without the rest of a group.

    python -m tests.core.group.shm_pair FD STEPS WIDTHS     the second one; FD is its end of the socket

WIDTHS is how many of them to take. After STEPS collectives (-1: without end) it says so in a line, and waits
for the socket's end.
"""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lockstep.core.group.descriptors import receive_descriptors, send_descriptors
from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Milestone
from lockstep.core.group.partition import Partition
from lockstep.core.group.segment import Segment
from lockstep.core.group.shm_link import OFFERED, SegmentArena, ShmLink, ShmOffer
from lockstep.core.group.waiting import Waiter, may_spin
from tests.core.group.team import Numbers

SECONDS = 20.0
WIDTHS = (1, 5, 1_000, 70_000, 2_000_003)
"""One element, less than a page, and what is cut into slices."""


def work_of(step: int, widths: int = len(WIDTHS)) -> Numbers:
    """The work of a step: the first `widths` widths, dtypes and empty leaves in turn."""
    dtype = (np.float32, np.float64)[step % 2]
    empty = frozenset({0, 5}) if step % 3 == 0 else frozenset[int]()
    return Numbers(6, WIDTHS[step % widths], seed=step, dtype=dtype, empty=empty)


def agree(connection: socket.socket, arena: SegmentArena) -> ShmLink:
    """Both sides' descriptors to and fro; the connection waits."""
    offer = ShmOffer(arena.segment)
    send_descriptors(connection, offer.descriptors)
    return offer.accept(receive_descriptors(connection, OFFERED))


@dataclass
class PairMember:
    """One of the two; see core/group/links.py for what a collective is. Nobody leads and nobody comes."""

    rank: int
    link: ShmLink
    arena: SegmentArena
    stamp: Stamp = field(default_factory=lambda: Stamp(generation=1))
    waiter: Waiter = field(default_factory=lambda: Waiter(spins=may_spin(2)))

    def reduce(self, work: Numbers) -> np.ndarray:
        """The total of a work over both."""
        partition = Partition(work, 2)
        lane = self.link.lane(partition, (self.rank, 1 - self.rank), self.arena)
        blocks = partition.blocks[self.rank]
        mine = slice(*partition.slices[self.rank])
        self._until(lambda: self.link.is_free_for(self.stamp))
        vectors = self.arena.vectors(len(blocks), work.width, work.dtype)
        lane.begin(self.stamp)
        present = [work.partial(block, vector) for block, vector in zip(blocks, vectors, strict=True)]
        self.arena.publish(self.stamp, Milestone.PARTIALS, present)
        lane.offer_partials(present)
        self._until(lambda: lane.partials_came)
        own, theirs = ([v[mine] for v in vectors], present), (list(lane.partials), list(lane.present))
        both = [own, theirs] if self.rank == 0 else [theirs, own]
        out = np.zeros(work.width, work.dtype)
        self._add(partition, both, out[mine])
        if not partition.is_whole:
            self.arena.total(work.width, work.dtype)[mine] = out[mine]
            self.arena.publish(self.stamp, Milestone.TOTAL)
            lane.offer_total()
            self._until(lambda: lane.total_came)
            lane.take_total(out)
        self.arena.publish(self.stamp, Milestone.TAKEN)
        self.stamp = Stamp(self.stamp.generation, self.stamp.collective + 1)
        return out

    @staticmethod
    def _add(partition: Partition, both: list[tuple[list[np.ndarray], list[bool]]], out: np.ndarray) -> None:
        vectors = [vector.copy() for vectors, _ in both for vector in vectors]
        head, pairs = partition.order(tuple(is_there for _, present in both for is_there in present))
        for left, right in pairs:
            vectors[left] += vectors[right]
        if head >= 0:
            out[:] = vectors[head]

    def _until(self, is_done: Callable[[], bool]) -> None:
        poll = select.poll()
        for descriptor, events in self.link.descriptors():
            poll.register(descriptor, events)
        deadline = time.monotonic() + SECONDS
        while not is_done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the other is at {self.link.published()}, we are at {self.stamp}")
            if not self.link.look():
                self.waiter.wait(poll, deadline, self.link.look)


class OtherProcess:
    """The second of the two, started; `member` is the first one, in this process."""

    def __init__(self, steps: int, widths: int = len(WIDTHS), *, spins: bool = True) -> None:
        words = [sys.executable, "-m", "tests.core.group.shm_pair"]
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        with theirs:
            self.process = subprocess.Popen(
                [*words, str(theirs.fileno()), str(steps), str(widths)],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                text=True,
            )
        self.connection = ours
        ours.settimeout(SECONDS)
        self.arena = SegmentArena(Segment())
        self.member = PairMember(0, agree(ours, self.arena), self.arena, waiter=Waiter(spins=spins))

    def __enter__(self) -> "OtherProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.member.link.close()
        self.arena.close()
        self.process.kill()
        self.process.communicate(timeout=SECONDS)

    def line(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.settimeout(SECONDS)
    arena = SegmentArena(Segment())
    member = PairMember(1, agree(connection, arena), arena)
    step, steps, widths = 0, int(sys.argv[2]), int(sys.argv[3])
    while step != steps:
        work = work_of(step, widths)
        np.testing.assert_array_equal(member.reduce(work), work.total())
        step += 1
    sys.stdout.write("done\n")
    sys.stdout.flush()
    connection.recv(1)


if __name__ == "__main__":
    main()
