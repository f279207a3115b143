"""The frames that members exchange: header, payload, MAC. Pure: bytes in, bytes out.

    header (64 bytes)  magic, kind, job, attempt, generation, collective, sequence, place, length; big-endian
    payload (length)   raw little-endian elements, or a message of a few numbers
    tag (16 bytes)     AES-256-GCM over header and payload

Nothing is encrypted. The tag is the one that AES-GCM gives for the header as plain text and the payload
as associated data (which spares a copy of either); the receiver computes it again. The nonce is
direction and sequence number, and each direction of each connection has a key of its own, so that no
nonce is ever used twice under one key. A frame that is repeated, left out, reordered, reflected or
taken from another connection has a wrong tag.

The length is never trusted: a receiver knows from its own state which kinds may come next and how long
each is.
"""

import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockstep.core.ground.errors import LockstepError

MAGIC = b"LKF1"
TAG_BYTES = 16
MAX_REASON_BYTES = 200
_HEADER = struct.Struct("!4sBxxx16sIIQQIIII")
HEADER_BYTES = _HEADER.size
_NONCE = struct.Struct("!4sQ")

WELCOME = struct.Struct("!QQ")  # the next collective, bytes of state to come


class ProtocolError(LockstepError):
    """A peer sent what it must not send: a forged, damaged or misplaced frame. It has to go."""


class FrameKind(IntEnum):
    """What a frame is. `->`: from helper to lead; `<-`: from lead to helper."""

    ACCEPTED = 1  # <- the handshake is done; wait for WELCOME
    WELCOME = 2  # <- you are a member now; STATE frames follow
    STATE = 3  # <- a chunk of the state to start from
    PARTIAL = 4  # -> a chunk of the partial sum of a block
    EMPTY = 5  # -> all leaves of a block are empty
    TOTAL = 6  # <- a chunk of the total, not the last one
    COMMIT = 7  # <- the last chunk of the total; your place from the next collective on
    OVER = 8  # <-> goodbye, and why


_KINDS = {int(kind): kind for kind in FrameKind}


@dataclass(slots=True)
class Stamp:
    """Where a member is: the generation, and the number of the collective, counted from 0."""

    generation: int = 0
    collective: int = 0


class GroupPlace(NamedTuple):
    """A helper's place in the group; what the frames WELCOME and COMMIT carry in their headers."""

    generation: int
    rank: int
    world_size: int


NO_PLACE = GroupPlace(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Binding:
    """What all frames of a connection carry: the job (16 bytes of the SHA-256 of its id) and the attempt."""

    job_digest: bytes
    attempt: int


class Sealer:
    """Makes the frames of one direction of one connection."""

    def __init__(self, key: bytes, direction: bytes, binding: Binding) -> None:
        self._cipher = AESGCM(key)
        self._direction = direction
        self._binding = binding
        self._sequence = 0

    def seal(
        self, kind: FrameKind, stamp: Stamp, payload: memoryview | bytes, place: GroupPlace = NO_PLACE
    ) -> tuple[bytes, bytes]:
        """The header and the tag to send before and after the payload."""
        header = _HEADER.pack(
            MAGIC,
            kind,
            self._binding.job_digest,
            self._binding.attempt,
            stamp.generation,
            stamp.collective,
            self._sequence,
            *place,
            len(payload),
        )
        tag = _tag(self._cipher, self._direction, self._sequence, header, payload)
        self._sequence += 1
        return header, tag


class Opener:
    """Checks the frames of one direction of one connection; after a ProtocolError it is of no more use."""

    def __init__(self, key: bytes, direction: bytes, binding: Binding) -> None:
        self._cipher = AESGCM(key)
        self._direction = direction
        self._binding = binding
        self._sequence = 0
        self._header = b""
        self.place = NO_PLACE

    def read_header(self, header: bytes, stamp: Stamp) -> tuple[FrameKind, int]:
        """The kind and length that a header claims, to be believed once `verify` has seen the payload.

        So is `place`, which it sets.
        """
        magic, kind, job_digest, attempt, generation, collective, sequence, *place, length = _HEADER.unpack(
            header
        )
        self._header = header
        self.place = GroupPlace(*place)
        if magic != MAGIC:
            raise ProtocolError(f"expected a frame, got bytes that start with {magic!r}")
        if (job_digest, attempt) != (self._binding.job_digest, self._binding.attempt):
            raise ProtocolError("expected a frame of this job and attempt, got another's")
        if sequence != self._sequence:
            raise ProtocolError(f"expected frame number {self._sequence}, got {sequence}")
        # A goodbye may come at any time, so also from a peer that is not where we are.
        if (generation, collective) != (stamp.generation, stamp.collective) and kind != FrameKind.OVER:
            raise ProtocolError(
                f"expected a frame of generation {stamp.generation}, collective {stamp.collective}, "
                f"got one of {generation}, {collective}"
            )
        if kind not in _KINDS:
            raise ProtocolError(f"expected a known kind of frame, got {kind}")
        return _KINDS[kind], length

    def verify(self, payload: memoryview, tag: memoryview) -> None:
        """Raise ProtocolError unless the tag is what the peer makes for the last header and this payload."""
        expected = _tag(self._cipher, self._direction, self._sequence, self._header, payload)
        if not hmac.compare_digest(expected, tag):
            raise ProtocolError(f"the MAC of frame number {self._sequence} is wrong")
        self._sequence += 1


def _tag(
    cipher: AESGCM, direction: bytes, sequence: int, header: bytes, payload: memoryview | bytes
) -> bytes:
    return cipher.encrypt(_NONCE.pack(direction, sequence), header, payload)[HEADER_BYTES:]
