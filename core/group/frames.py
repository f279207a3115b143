"""The frames that members exchange: header, payload, tag. Pure: bytes in, bytes out.

    header (52 bytes)  magic, kind, job, attempt, generation, collective, sequence, length; big-endian
    payload (length)   raw little-endian elements, or a message of a few numbers; encrypted
    tag (16 bytes)     over header and payload

A frame is sealed with AES-256-GCM or ChaCha20-Poly1305 (ciphers.py); the header is the associated data.
The nonce is direction and sequence number, and each direction of each connection has a key of its own, so
that no nonce is ever used twice under one key. A frame that is repeated, left out, reordered, reflected or
taken from another connection does not open.

The length is never trusted: a receiver knows from its own state which kinds may come next and how long
each is.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidTag

from lockstep.core.ground.errors import LockstepError
from lockstep.core.group.ciphers import CipherKey
from lockstep.core.group.refusals import WhyRefused

MAGIC = b"LKF2"
TAG_BYTES = 16
MAX_PAYLOAD_BYTES = 256 * 1024  # what is longer goes in several frames; so a connection's buffers are small
MAX_REASON_BYTES = 200
_HEADER = struct.Struct("!4sBxxx16sIIQQI")
HEADER_BYTES = _HEADER.size
FRAME_BYTES = HEADER_BYTES + TAG_BYTES  # of a frame besides its payload
_NONCE = struct.Struct("!4sQ")


class ProtocolError(LockstepError):
    """A peer sent what it must not send: a forged, damaged or misplaced frame. It has to go.

    `refused` is what was wrong in one word; "kind" where the frame may not come now.
    """

    def __init__(self, message: str, refused: WhyRefused = "kind") -> None:
        self.refused: WhyRefused = refused
        super().__init__(message)


class FrameKind(IntEnum):
    """What a frame is. `->`: from helper to lead; `<-`: from lead to helper; `<->`: between any two."""

    ACCEPTED = 1  # <- the handshake is done: your number, and the doors of the others
    WELCOME = 2  # <- you are a member now; STATE frames follow
    STATE = 3  # <- a chunk of the state to start from
    PARTIAL = 4  # <-> a chunk of the partial sum of a block
    EMPTY = 5  # <-> all leaves of a block are empty
    TOTAL = 6  # <-> a chunk of the sender's slice of the total
    COMMIT = 7  # <- nobody has to do this collective again
    OVER = 8  # <-> goodbye, and why
    INTRODUCE = 9  # -> who comes to a door
    READY = 10  # -> the joiner knows all members: the numbers of those it is linked with
    REGROUP = 11  # <- the members from a collective on; one that is being done is done again
    BLAME = 12  # -> the number of a member whose link is broken, and what is missing since
    FIGURES = 13  # -> where the helper's time goes
    RESEND = 14  # <- a chunk of the last total, for a helper whose link broke before it had all


_KINDS = {int(kind): kind for kind in FrameKind}


@dataclass(slots=True)
class Stamp:
    """Where a member is: the generation, and the number of the collective, counted from 0."""

    generation: int = 0
    collective: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """What all frames of a connection carry: the job (16 bytes of the SHA-256 of its id) and the attempt."""

    job_digest: bytes
    attempt: int


@dataclass(frozen=True)
class Seal:
    """What one direction of one connection is sealed with. `direction` (4 bytes) is part of each nonce."""

    key: CipherKey
    direction: bytes
    binding: Binding


class Sealer:
    """Makes the frames of one direction of one connection."""

    def __init__(self, seal: Seal) -> None:
        self._key = seal.key
        self._direction = seal.direction
        self._binding = seal.binding
        self._sequence = 0

    def seal_into(
        self,
        target: memoryview,
        kind: FrameKind,
        stamp: Stamp,
        payload: memoryview | bytes,
    ) -> int:
        """Write a frame to the start of `target`, which has room for it; its length."""
        end = FRAME_BYTES + len(payload)
        _HEADER.pack_into(
            target,
            0,
            MAGIC,
            kind,
            self._binding.job_digest,
            self._binding.attempt,
            stamp.generation,
            stamp.collective,
            self._sequence,
            len(payload),
        )
        nonce = _NONCE.pack(self._direction, self._sequence)
        self._sequence += 1  # first of all: a nonce serves once, come what may
        self._key.encrypt_into(nonce, payload, target[:HEADER_BYTES], target[HEADER_BYTES:end])
        return end


class Opener:
    """Opens the frames of one direction of one connection; after a ProtocolError it is of no more use."""

    def __init__(self, seal: Seal) -> None:
        self._key = seal.key
        self._direction = seal.direction
        self._binding = seal.binding
        self._sequence = 0
        self._header = b""
        self.stamp = Stamp()

    def read_header(self, header: bytes) -> tuple[FrameKind, int]:
        """The kind and length that a header claims, to be believed once `open_into` has seen the payload.

        So is `stamp`, which it sets.
        """
        magic, kind, job_digest, attempt, generation, collective, sequence, length = _HEADER.unpack(header)
        self._header = header
        self.stamp = Stamp(generation, collective)
        if magic != MAGIC:
            raise ProtocolError(f"expected a frame, got bytes that start with {magic!r}", "magic")
        if (job_digest, attempt) != (self._binding.job_digest, self._binding.attempt):
            raise ProtocolError("expected a frame of this job and attempt, got another's", "binding")
        if sequence != self._sequence:
            raise ProtocolError(f"expected frame number {self._sequence}, got {sequence}", "sequence")
        if kind not in _KINDS:
            raise ProtocolError(f"expected a known kind of frame, got {kind}")
        return _KINDS[kind], length

    def open_into(self, sealed: memoryview, payload: memoryview) -> None:
        """Decrypt the payload of the last header, `sealed` together with its tag, into `payload`.

        Raises ProtocolError where it is not what the peer sealed; `payload` is then in any state.
        """
        nonce = _NONCE.pack(self._direction, self._sequence)
        try:
            self._key.decrypt_into(nonce, sealed, self._header, payload)
        except InvalidTag:
            raise ProtocolError(f"the seal of frame number {self._sequence} is broken", "seal") from None
        self._sequence += 1
