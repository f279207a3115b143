"""Moving the bytes of one collective between the lead and its helpers, until the total is with everybody.

No deadlock, whatever the sizes of the kernel's buffers: the lead never waits for one thing only. It
waits in `poll` for whichever comes first, bytes to read from any helper that owes some or room to write
to any that has yet to get some; totals that cannot be written yet stay in `out`, so reading goes on. So
a helper may send all that it has before it reads: the lead takes it. Each wait ends at a deadline,
after which those that keep others waiting are dropped and the lead computes their blocks itself; that
happens at most once per helper, so every collective ends.
"""

import select
import time
from collections.abc import Callable

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group import Work
from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.frames import MAX_REASON_BYTES, FrameKind, ProtocolError
from lockstep.core.group.leaving import Left, left_with
from lockstep.core.group.reduction import Reduction
from lockstep.core.group.waiting import wait

_NOTHING = memoryview(bytearray())
_BROKEN = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Helper:
    """A helper as the lead sees it: its channel, its rank, and how much of its part has come.

    As a Sink it puts chunks where they belong. A lost helper keeps its rank to the end of the collective.
    """

    def __init__(self, channel: Channel, rank: int) -> None:
        self.channel = channel
        self.rank = rank
        self.lost = False
        self._reduction: Reduction | None = None
        self._index = 0
        self._end = 0
        self._reason = _NOTHING

    def begin(self, reduction: Reduction) -> None:
        """Expect the blocks of its rank."""
        blocks = reduction.ranges[self.rank]
        self._reduction = reduction
        self._index, self._end = blocks.start, blocks.stop

    @property
    def owes(self) -> bool:
        """Whether chunks are still to come."""
        return self._index < self._end

    def place(self, kind: FrameKind, length: int) -> memoryview:
        """See Sink."""
        if self.owes and self._reduction is not None:
            if kind is FrameKind.PARTIAL:
                return self._reduction.place(self._index)
            if kind is FrameKind.EMPTY and self._reduction.is_untouched(self._index):
                return _NOTHING
        if kind is FrameKind.OVER and length <= MAX_REASON_BYTES:
            self._reason = memoryview(bytearray(length))
            return self._reason
        raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")

    def arrived(self, kind: FrameKind) -> bool:
        """See Sink. Raises PeerLost where the helper says goodbye."""
        if kind is FrameKind.OVER or self._reduction is None:
            goodbye = str(self._reason, errors="replace")
            raise PeerLost(f"it left: {goodbye}", left_with(goodbye))
        if kind is FrameKind.EMPTY:
            self._reduction.set_empty(self._index)
            self._index += 1
        elif self._reduction.chunk_arrived(self._index):
            self._index += 1
        return self.owes


class Exchange:
    """The connections of the lead's helpers. `lose(helper, left, reason)` is told of each it gives up."""

    def __init__(self, lose: Callable[[Helper, Left, str], None]) -> None:
        self._lose = lose
        self._poll = select.poll()
        self.helpers: tuple[Helper, ...] = ()  # those that are not lost
        self._by_descriptor: dict[int, Helper] = {}
        self._lost: list[Helper] = []  # in this collective, with their blocks still to be computed
        self._masks: dict[int, int] = {}

    def add(self, helper: Helper) -> None:
        """Look after a helper's connection from now on."""
        descriptor = helper.channel.fileno()
        self._by_descriptor[descriptor] = helper
        self.helpers = tuple(self._by_descriptor.values())
        self._masks[descriptor] = 0
        self._poll.register(descriptor, 0)

    def remove(self, helper: Helper) -> None:
        """Close a helper's connection."""
        descriptor = helper.channel.fileno()
        if self._by_descriptor.pop(descriptor, None) is not None:
            self.helpers = tuple(self._by_descriptor.values())
            del self._masks[descriptor]
            self._poll.unregister(descriptor)
        helper.channel.close()

    def collect(self, reduction: Reduction, work: Work, seconds: float) -> memoryview:
        """Gather the helpers' blocks and send totals back as they come about, until the total is complete.

        What a lost helper owes is computed here. Whoever is not heard within `seconds` is dropped. The last
        chunk of the total is returned, for the caller to send.
        """
        self._lost.clear()
        for helper in self.helpers:
            helper.begin(reduction)
            if helper.channel.has_read_ahead:
                self._serve(helper, select.POLLIN)
        deadline = time.monotonic() + seconds
        while True:
            while (total := reduction.add_next_chunk()) is not None:
                if reduction.done:
                    return total
                self._send_to_all(total)
            if not (self._lost or self._wait(deadline)):
                for helper in self.helpers:
                    if helper.owes:
                        self._drop(helper, "late", f"its part was not there after {seconds:.1f} s")
            if self._lost:
                self._compute_for_the_lost(reduction, work)
                deadline = time.monotonic() + seconds

    def deliver(self, seconds: float) -> None:
        """Send all that waits to be sent; whoever does not take it within `seconds` is dropped."""
        deadline = time.monotonic() + seconds
        for helper in self.helpers:
            self._flush(helper)
        while any(helper.channel.has_pending for helper in self.helpers):
            if not self._wait(deadline):
                for helper in self.helpers:
                    if helper.channel.has_pending:
                        self._drop(helper, "late", f"it did not read what it was sent for {seconds:.1f} s")

    def _send_to_all(self, total: memoryview) -> None:
        for helper in self.helpers:
            helper.channel.queue(FrameKind.TOTAL, total)
            self._flush(helper)

    def _compute_for_the_lost(self, reduction: Reduction, work: Work) -> None:
        while self._lost:
            for index in reduction.missing(self._lost.pop().rank):
                reduction.compute(index, work)

    def _wait(self, deadline: float) -> bool:
        """Serve whichever connections are ready; False if none was before the deadline."""
        for descriptor, helper in self._by_descriptor.items():
            mask = select.POLLIN if helper.owes else 0
            if helper.channel.has_pending:
                mask |= select.POLLOUT
            if mask != self._masks[descriptor]:
                self._masks[descriptor] = mask
                self._poll.modify(descriptor, mask)
        ready = wait(self._poll, deadline)
        for descriptor, events in ready:
            self._serve(self._by_descriptor[descriptor], events)
        return bool(ready)

    def _serve(self, helper: Helper, events: int) -> None:
        try:
            if events & select.POLLOUT:
                helper.channel.flush()
            if helper.owes and events & (select.POLLIN | _BROKEN):
                helper.channel.receive(helper)
            elif events & _BROKEN:
                raise PeerLost("the connection broke")
        except PeerLost as error:
            self._drop(helper, error.left, str(error))
        except LockstepError as error:
            self._drop(helper, "cut", str(error))

    def _flush(self, helper: Helper) -> None:
        try:
            helper.channel.flush()
        except PeerLost as error:
            self._drop(helper, error.left, str(error))

    def _drop(self, helper: Helper, left: Left, reason: str) -> None:
        helper.lost = True
        self._lost.append(helper)
        self.remove(helper)
        self._lose(helper, left, reason)
