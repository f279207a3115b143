"""Who has proved at a door that it knows the secret, and says who it is and what it wants.

One without a number wants to be accepted by the lead; it then links itself with the others and says READY.
One with a number comes to be linked with this member.
"""

from dataclasses import dataclass, field

from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.descriptors import receive_descriptors, send_descriptors
from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.messages import (
    MAX_INTRODUCTION_BYTES,
    MAX_MEMBERS,
    NUMBER,
    READY,
    Introduction,
    read_introduction,
    read_numbers,
)
from lockstep.core.group.shm_link import OFFERED, ShmLink, ShmOffer

SHARED, NOT_SHARED = b"\x01", b"\x00"
"""What a door tells one that it links with: whether to send its descriptors, for a link by shared memory."""


@dataclass(slots=True)
class Guest:
    """A joiner at the lead's door. `linked` are the members that it is linked with, once `ready`."""

    number: int
    channel: Channel
    introduction: Introduction
    linked: tuple[int, ...] = ()
    all_shared: bool = False


@dataclass(slots=True, eq=False)
class Visitor:
    """A connection whose other end has proved itself; a Sink for what it may say.

    `guest` is set once it was accepted, `offer` while we expect its descriptors.
    """

    channel: Channel
    deadline: float
    guest: Guest | None = None
    offer: ShmOffer | None = None
    introduction: Introduction | None = None
    _said: memoryview = field(default_factory=lambda: memoryview(bytearray()))

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:  # noqa: ARG002 - as Sink
        """See Sink."""
        introduces = kind is FrameKind.INTRODUCE and self.introduction is None
        most = MAX_INTRODUCTION_BYTES if introduces else READY.size + MAX_MEMBERS * NUMBER.size
        gets_ready = kind is FrameKind.READY and self.guest is not None and not self.guest.linked
        leaves = kind is FrameKind.OVER
        if not (introduces or gets_ready or leaves) or length > most:
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self._said = memoryview(bytearray(length))
        return self._said

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:  # noqa: ARG002 - as Sink
        """See Sink. Raises PeerLost where it says goodbye."""
        if kind is FrameKind.OVER:
            raise PeerLost(f"it left: {str(self._said, errors='replace')}")
        if kind is FrameKind.INTRODUCE:
            self.introduction = read_introduction(bytes(self._said))
        elif self.guest is not None:
            if len(self._said) < READY.size:
                raise ProtocolError(f"expected a READY that says something, got {len(self._said)} bytes")
            (self.guest.all_shared,) = READY.unpack(self._said[: READY.size])
            self.guest.linked = read_numbers(self._said[READY.size :])
        return False

    def accept(self, offer: ShmOffer) -> ShmLink:
        """Take its descriptors. Raises BlockingIOError before they are there.

        Raises other OSError, or NoSharedMemory, where they are of no use.
        """
        return offer.accept(receive_descriptors(self.channel.connection, OFFERED))

    def answer(self, offer: ShmOffer) -> None:
        """Give it ours. Raises OSError where it can't be."""
        send_descriptors(self.channel.connection, offer.descriptors)

    def close(self) -> None:
        """Hang up."""
        if self.offer is not None:
            self.offer.close()
        self.channel.close()
