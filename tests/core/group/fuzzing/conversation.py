"""What a helper really says to a lead, as the bytes that go over the wire: the material of forgeries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from lockstep.core.group.frames import FRAME_BYTES, FrameKind, Sealer, Stamp
from lockstep.core.group.handshake import Codec, answer_challenge, check_proof, make_challenge, make_hello
from lockstep.core.group.terms import GroupIdentity
from tests.core.group.team import IDENTITY

LENGTHS = (0, 1, 16, 20, 64, 80, 300, 1_500, 20_000)
FRAMES = 6
SECRET = bytes(reversed(range(32)))


@dataclass(frozen=True)
class Shaken:
    """A handshake as it went over the wire, and what the two sides have of it."""

    identity: GroupIdentity
    hello: bytes
    challenge: bytes
    proof: bytes
    helper: Codec

    def lead(self) -> Codec:
        """The lead's codec, fresh: as it is before the first frame."""
        return check_proof(self.identity, self.hello, self.challenge, self.proof)


def shake(identity: GroupIdentity, random: Random) -> Shaken:
    """A handshake of its own."""
    hello = make_hello(identity, random.randbytes(32))
    challenge = make_challenge(identity, hello, random.randbytes(32))
    proof, helper = answer_challenge(identity, hello, challenge)
    return Shaken(identity, hello, challenge, proof, helper)


@dataclass(frozen=True)
class Conversation:
    """One connection: its handshake, and the helper's frames in order, all of one kind.

    `reflected` are the lead's own frames of the same payloads; `elsewhere` those of other connections, to the
    same group and to others.
    """

    shaken: Shaken
    payloads: tuple[bytes, ...]
    frames: tuple[bytes, ...]
    reflected: tuple[bytes, ...]
    elsewhere: tuple[tuple[bytes, ...], ...]


def converse(random: Random) -> Conversation:
    """A conversation of random lengths, under either cipher."""
    identity = replace(IDENTITY, has_aes=random.random() < 0.5)
    payloads = tuple(random.randbytes(random.choice(LENGTHS)) for _ in range(FRAMES))
    shaken = shake(identity, random)
    others = (
        identity,
        replace(identity, has_aes=not identity.has_aes),
        replace(identity, attempt=identity.attempt + 1),
        replace(identity, job_id="job_2"),
        replace(identity, secret=SECRET),
    )
    return Conversation(
        shaken,
        payloads,
        sealed(shaken.helper.sealer, payloads),
        sealed(shaken.lead().sealer, payloads),
        tuple(sealed(shake(other, random).helper.sealer, payloads) for other in others),
    )


def sealed(sealer: Sealer, payloads: Sequence[bytes]) -> tuple[bytes, ...]:
    """The frames of these payloads, one after the other."""
    return tuple(sealed_frame(sealer, FrameKind.PARTIAL, payload) for payload in payloads)


def sealed_frame(sealer: Sealer, kind: FrameKind, payload: bytes) -> bytes:
    """One frame."""
    frame = bytearray(FRAME_BYTES + len(payload))
    sealer.seal_into(memoryview(frame), kind, Stamp(), payload)
    return bytes(frame)
