"""What the lead says to a helper: a Sink for their control channel that keeps what was said."""

import numpy as np

from lockstep.core.group import Released
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES, MAX_REASON_BYTES, FrameKind, ProtocolError, Stamp
from lockstep.core.group.messages import (
    MAX_MEMBERS,
    NUMBER,
    REGROUP,
    WELCOME,
    Regrouping,
    Welcome,
    read_numbers,
)

_NOTHING = memoryview(bytearray())
_MOST = {
    FrameKind.OVER: MAX_REASON_BYTES,
    FrameKind.REGROUP: REGROUP.size + MAX_MEMBERS * NUMBER.size,
    FrameKind.WELCOME: WELCOME.size + MAX_MEMBERS * NUMBER.size,
    FrameKind.STATE: MAX_PAYLOAD_BYTES,
    FrameKind.RESEND: MAX_PAYLOAD_BYTES,
    FrameKind.COMMIT: 0,
}


class Orders:
    """`welcome` is set once, then `state` grows to its length. `regrouping` is the last that was said, until
    the helper takes it; `committed` the last generation and collective that was committed; `over` is why the
    lead has let go.

    A total that the lead sends again goes where `begin` said, if it is still of that collective.
    """

    def __init__(self) -> None:
        self.welcome: Welcome | None = None
        self.state = bytearray()
        self.regrouping: Regrouping | None = None
        self.committed = (-1, -1)
        self._collective = -1
        self._total = _NOTHING
        self._resent = 0
        self.over: str | None = None
        self._said = _NOTHING

    def begin(self, collective: int, out: np.ndarray) -> None:
        """A collective begins, whose total belongs in `out`."""
        self._collective, self._total, self._resent = collective, out.data.cast("B"), 0

    @property
    def is_resent(self) -> bool:
        """Whether all of the total has been sent again."""
        return 0 < len(self._total) == self._resent

    def arrival(self) -> tuple[Welcome, bytes]:
        """Where to begin, and with which state; once `has_state`."""
        if self.welcome is None:
            raise RuntimeError("expected to be welcome once the state is there")
        return self.welcome, bytes(self.state)

    def leave_if_over(self) -> None:
        """Raise Released where the lead has said goodbye."""
        if self.over is not None:
            raise Released(self.over)

    def commits(self, stamp: Stamp) -> bool:
        """Whether the lead has said that this collective is committed, or what comes after it."""
        said = self.regrouping
        is_past = said is not None and said.collective == stamp.collective + 1
        return is_past or self.committed == (stamp.generation, stamp.collective)

    @property
    def has_state(self) -> bool:
        """Whether all of the state has come."""
        return self.welcome is not None and len(self.state) == self.welcome.state_bytes

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:  # noqa: ARG002 - as Sink
        """See Sink."""
        is_member = self.has_state
        may_come = is_member or kind in (FrameKind.OVER, FrameKind.WELCOME, FrameKind.STATE)
        if kind is FrameKind.WELCOME:
            may_come = self.welcome is None
        elif kind is FrameKind.STATE and self.welcome is not None:
            may_come = not is_member and len(self.state) + length <= self.welcome.state_bytes
        if not may_come or (kind is FrameKind.STATE and self.welcome is None) or length > _MOST.get(kind, -1):
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self._said = memoryview(bytearray(length))
        return self._said

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:
        """See Sink."""
        match kind:
            case FrameKind.OVER:
                self.over = str(self._said, errors="replace")
            case FrameKind.COMMIT:
                self.committed = (stamp.generation, stamp.collective)
            case FrameKind.RESEND:
                self._resend(stamp)
            case FrameKind.REGROUP if len(self._said) >= REGROUP.size:
                generation, collective, shared = REGROUP.unpack(self._said[: REGROUP.size])
                numbers = read_numbers(self._said[REGROUP.size :])
                self.regrouping = Regrouping(generation, collective, numbers, shared)
            case FrameKind.WELCOME if len(self._said) >= WELCOME.size:
                generation, collective, size, shared = WELCOME.unpack(self._said[: WELCOME.size])
                numbers = read_numbers(self._said[WELCOME.size :])
                self.welcome = Welcome(generation, collective, size, numbers, shared)
            case FrameKind.STATE:
                self.state += self._said
            case _:
                raise ProtocolError(f"a frame {kind.name} of {len(self._said)} bytes says nothing")
        return True

    def _resend(self, stamp: Stamp) -> None:
        """The lead is in the collective after that of the total that it sends."""
        if stamp.collective != self._collective + 1:
            return
        place = self._total[self._resent : self._resent + MAX_PAYLOAD_BYTES]
        if len(place) != len(self._said):
            raise ProtocolError(f"expected {len(place)} bytes of the total, got {len(self._said)}", "length")
        place[:] = self._said
        self._resent += len(place)
