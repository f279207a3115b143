"""Those who are sent forgeries: a channel, both sides of the handshake, a door."""

import contextlib
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.door import Door
from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.handshake import HELLO_BYTES, answer_challenge, check_proof, make_challenge
from lockstep.core.group.reception import LeadsReception
from lockstep.core.group.refusals import Refusals
from lockstep.core.group.terms import GroupTerms
from tests.core.group.fuzzing.conversation import SECRET, Conversation, Shaken, converse, shake
from tests.core.group.fuzzing.forgeries import FORGERIES, MOST_RANDOM_BYTES, flip
from tests.core.group.team import IDENTITY, QUICK

FORGERIES_PER_CONVERSATION = 100
_RESET = struct.pack("ii", 1, 0)  # what SO_LINGER takes to close at once, so that no port stays taken


@dataclass
class Tally:
    """What came of the forgeries: how many were tried by name, taken, and refused by reason."""

    tried: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    taken: list[str] = field(default_factory=list)

    def add_refusals(self, refusals: Refusals) -> None:
        """Add what somebody has counted."""
        self.refused.update(refusals.counts())


class Mouth:
    """A Sink for the frames of a conversation, in order."""

    def __init__(self, payloads: tuple[bytes, ...]) -> None:
        self._payloads = payloads
        self._place = memoryview(b"")
        self.taken = 0
        self.is_deceived = False

    def place(self, kind: FrameKind, length: int, *_: object) -> memoryview:
        """See Sink."""
        if kind is not FrameKind.PARTIAL or self.taken == len(self._payloads):
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self._place = memoryview(bytearray(len(self._payloads[self.taken])))
        return self._place

    def arrived(self, kind: FrameKind, *_: object) -> bool:
        """See Sink."""
        self.is_deceived |= kind is not FrameKind.PARTIAL or self._place != self._payloads[self.taken]
        self.taken += 1
        return True


def forge_frames(count: int, random: Random, tally: Tally) -> None:
    """Send so many forged frames, each to a channel of its own that has taken what came before."""
    refusals = Refusals()
    names = list(FORGERIES)
    conversation = converse(random)
    for number in range(count):
        if number % FORGERIES_PER_CONVERSATION == 0:
            conversation = converse(random)
        name = names[number % len(names)]
        index = random.randrange(len(conversation.frames))
        before = b"".join(conversation.frames[:index])
        stream = before + FORGERIES[name](random, conversation, index)
        tally.tried[name] += 1
        if not is_refused(conversation, stream, refusals):
            tally.taken.append(f"{name}, number {number}, in place of frame {index}")
    tally.add_refusals(refusals)


def is_refused(conversation: Conversation, stream: bytes, refusals: Refusals) -> bool:
    """Whether a channel takes of a stream just those frames at its start that are real."""
    sender, receiver = socket.socketpair()
    mouth = Mouth(conversation.payloads)
    channel = Channel(receiver, conversation.shaken.lead(), Stamp(), refusals)
    rest = memoryview(stream)
    with sender, contextlib.closing(channel):
        sender.setblocking(False)
        try:
            while rest:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[sender.send(rest) :]
                channel.receive(mouth)
            sender.shutdown(socket.SHUT_WR)
            while True:
                channel.receive(mouth)
        except (ProtocolError, PeerLost):
            pass
    return not mouth.is_deceived and mouth.taken == _real_frames(conversation, stream)


def _real_frames(conversation: Conversation, stream: bytes) -> int:
    """How many frames the stream begins with that are just those of the conversation."""
    end = 0
    for number, frame in enumerate(conversation.frames):
        if stream[end : end + len(frame)] != frame:
            return number
        end += len(frame)
    return len(conversation.frames)


def forge_handshakes(count: int, random: Random, tally: Tally) -> None:
    """Send so many forged greetings, challenges and proofs to the side that reads them."""
    for number in range(count):
        shaken = shake(replace(IDENTITY, has_aes=number % 2 == 0), random)
        other = shake(random.choice((IDENTITY, replace(IDENTITY, secret=SECRET))), random)
        name = ("a proof", "a greeting", "a challenge")[number % 3]
        tally.tried[name] += 1
        try:
            _FORGED[name](random, shaken, other)
            tally.taken.append(f"{name}, number {number}")
        except ProtocolError as error:
            tally.refused[error.refused] += 1


def _forged_proof(random: Random, shaken: Shaken, other: Shaken) -> None:
    proof = random.choice(
        (flip(random, shaken.proof), random.randbytes(32), other.proof, shaken.challenge[-32:])
    )
    check_proof(shaken.identity, shaken.hello, shaken.challenge, proof)


def _forged_greeting(random: Random, shaken: Shaken, other: Shaken) -> None:
    hello = random.choice((flip(random, shaken.hello), random.randbytes(HELLO_BYTES), other.hello))
    make_challenge(shaken.identity, hello, random.randbytes(32))
    check_proof(shaken.identity, hello, shaken.challenge, shaken.proof)


def _forged_challenge(random: Random, shaken: Shaken, other: Shaken) -> None:
    own = shaken.challenge
    challenge = random.choice(
        (flip(random, own), random.randbytes(len(own)), other.challenge, own[:-32] + shaken.proof)
    )
    answer_challenge(shaken.identity, shaken.hello, challenge)


_FORGED = {"a proof": _forged_proof, "a greeting": _forged_greeting, "a challenge": _forged_challenge}


@contextlib.contextmanager
def _open_door() -> Iterator[Door]:
    terms = GroupTerms(identity=IDENTITY, timeouts=QUICK, listen_host="127.0.0.1")
    door = Door(terms, LeadsReception(seats=8), None, Stamp())
    try:
        yield door
    finally:
        door.close()


def forge_visits(count: int, random: Random, tally: Tally) -> None:
    """Knock so many times at a door with what is no greeting and proof of this moment."""
    with _open_door() as door:
        for _ in range(count):
            tally.tried["a visit"] += 1
            _visit(door, random)
        deadline = time.monotonic() + 10
        while sum(door.refusals.counts().values()) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        tally.taken += ["a visit"] * len(door.waiting)
        missed = count - sum(door.refusals.counts().values())
        tally.taken += ["a visit that was not counted as refused"] * missed
        tally.add_refusals(door.refusals)


def _visit(door: Door, random: Random) -> None:
    shaken = shake(random.choice((IDENTITY, replace(IDENTITY, secret=SECRET))), random)
    overheard = shaken.hello + shaken.proof
    says = random.choice(
        (
            overheard,
            flip(random, overheard),
            overheard[: random.randrange(len(overheard))],
            shaken.hello + shaken.challenge[-32:],
            random.randbytes(random.randint(1, MOST_RANDOM_BYTES)),
            shaken.hello[:6] + b"%02d" % random.choice((1, 3, 99)) + random.randbytes(random.randrange(300)),
        )
    )
    with socket.create_connection(door.address, timeout=10) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with contextlib.suppress(OSError):
            stranger.sendall(says)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(4096):
                pass
