"""What members say to each other besides numbers: small messages in sealed frames. Pure: bytes in, bytes out.

They are read only once the frame's seal is found right, so they come from a member that knows the secret; a
bound on each keeps memory small before that.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from lockstep.core.group.frames import ProtocolError

MAX_INTRODUCTION_BYTES = 2048  # four names, each letter of which may take six bytes
MAX_NAME_LENGTH = 100
MAX_MEMBERS = 1024
MAX_LISTING_BYTES = 64 * 1024

Address = tuple[str, int]
LEAD = 0
"""The lead's number. A helper gets its own when it is accepted; it is never given again."""

WELCOME = struct.Struct("!QQQ?")  # generation, next collective, bytes of state, shared; members follow
REGROUP = struct.Struct("!QQ?")  # generation, the first collective in it, shared; members follow
NUMBER = struct.Struct("!I")
FIGURES = struct.Struct("!ddd")  # seconds since it joined: computing, exchanging, waiting
BLAME = struct.Struct("!IQI")  # see Blame
READY = struct.Struct("!?")  # whether all its links are shared memory; the numbers linked with follow


@dataclass(frozen=True, kw_only=True)
class Introduction:
    """Who comes to a door. `number` is LEAD for one that has none yet: it wants to be accepted by the lead.

    `worker_id` and `host` are for people; `door` is where it listens for other members. `meant` is the door
    that it means, as the lead has told it: whoever is on the way may have led it to another member's.
    `shares_memory` says that it has what it needs for a link by shared memory.
    """

    number: int = LEAD
    worker_id: str = ""
    host: str = ""
    door: Address = ("", 0)
    meant: Address = ("", 0)
    shares_memory: bool = False

    def to_bytes(self) -> bytes:
        """See `read_introduction`; names are cut where they are too long."""
        named = [self.worker_id[:MAX_NAME_LENGTH], self.host[:MAX_NAME_LENGTH]]
        return json.dumps([self.number, *named, self.door, self.meant, self.shares_memory]).encode()


class Welcome(NamedTuple):
    """Where a joiner begins, how many bytes of state come, and the members' numbers in order of rank.

    `shared`: whether every pair of them shares memory.
    """

    generation: int
    collective: int
    state_bytes: int
    numbers: tuple[int, ...]
    shared: bool


class Regrouping(NamedTuple):
    """A new generation, from which collective on, and the members' numbers in order of rank.

    `shared`: whether every pair of them shares memory.
    """

    generation: int
    collective: int
    numbers: tuple[int, ...]
    shared: bool


class Blame(NamedTuple):
    """In this generation and collective the link to member `number` broke, and something is missing."""

    generation: int
    collective: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What the lead tells one it accepts: its number, and the doors to knock at, its own one included."""

    number: int
    doors: dict[int, Address]

    def to_bytes(self) -> bytes:
        """See `read_acceptance`."""
        return json.dumps([self.number, [[n, *door] for n, door in self.doors.items()]]).encode()


def read_introduction(message: bytes) -> Introduction:
    """Raises ProtocolError where it is none."""
    match _parsed(message):
        case [
            int(number),
            str(worker_id),
            str(host),
            [str(door_host), int(door_port)],
            [str(meant_host), int(meant_port)],
            bool(shares_memory),
        ]:
            return Introduction(
                number=number,
                worker_id=worker_id,
                host=host,
                door=(door_host, door_port),
                meant=(meant_host, meant_port),
                shares_memory=shares_memory,
            )
    raise ProtocolError("expected an introduction, got something else")


def read_acceptance(message: bytes) -> Acceptance:
    """Raises ProtocolError where it is none."""
    match _parsed(message):
        case [int(number), list(listed)] if all(_is_door(entry) for entry in listed):
            return Acceptance(number=number, doors={n: (host, port) for n, host, port in listed})
    raise ProtocolError("expected an acceptance, got something else")


def pack_numbers(numbers: tuple[int, ...]) -> bytes:
    """Numbers of members."""
    return struct.pack(f"!{len(numbers)}I", *numbers)


def read_numbers(message: bytes | memoryview) -> tuple[int, ...]:
    """See `pack_numbers`. Raises ProtocolError where there is half a number."""
    if len(message) % NUMBER.size:
        raise ProtocolError(f"expected whole numbers of members, got {len(message)} bytes")
    return tuple(number for (number,) in NUMBER.iter_unpack(message))


def _parsed(message: bytes) -> Any:
    try:
        return json.loads(message)
    except ValueError as error:
        raise ProtocolError(f"expected a message that can be read: {error}") from error


def _is_door(entry: Any) -> bool:
    match entry:
        case [int(), str(), int()]:
            return True
    return False
