"""Ways to forge what comes next, for one on the way who has all bytes that went by and not the secret."""

from collections.abc import Callable, Mapping
from random import Random

from lockstep.core.group.frames import HEADER_BYTES, MAGIC, TAG_BYTES
from tests.core.group.fuzzing.conversation import Conversation

Forge = Callable[[Random, Conversation, int], bytes]
"""What to send in place of the frame of that index, those before it having been sent as they are."""

MOST_RANDOM_BYTES = 2_000


def flipped(random: Random, conversation: Conversation, index: int) -> bytes:
    """A few bits changed, anywhere."""
    return flip(random, conversation.frames[index])


def flip(random: Random, message: bytes) -> bytes:
    """A few bits changed, anywhere in a message."""
    changed = bytearray(message)
    for bit in random.sample(range(8 * len(message)), random.randint(1, 6)):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def rewritten(random: Random, conversation: Conversation, index: int) -> bytes:
    """A stretch of the header replaced, so also lengths and numbers that are large."""
    changed = bytearray(conversation.frames[index])
    start = random.randrange(HEADER_BYTES)
    end = min(HEADER_BYTES, start + random.choice((1, 2, 4, 8)))
    changed[start:end] = random.choice(
        (random.randbytes(end - start), b"\xff" * (end - start), bytes(end - start))
    )
    return bytes(changed)


def noise(random: Random, conversation: Conversation, index: int) -> bytes:  # noqa: ARG001 - one signature for all
    """Anything at all."""
    return random.randbytes(random.randint(1, MOST_RANDOM_BYTES))


def noise_behind_a_magic(random: Random, conversation: Conversation, index: int) -> bytes:
    """Anything at all that begins as a frame does."""
    return MAGIC + noise(random, conversation, index)


def noise_behind_a_header(random: Random, conversation: Conversation, index: int) -> bytes:
    """The header of the real frame, and then anything of the right length."""
    frame = conversation.frames[index]
    return frame[:HEADER_BYTES] + random.randbytes(len(frame) - HEADER_BYTES)


def truncated(random: Random, conversation: Conversation, index: int) -> bytes:
    """A part of the frame, and then nothing."""
    frame = conversation.frames[index]
    return frame[: random.randrange(len(frame))]


def shortened(random: Random, conversation: Conversation, index: int) -> bytes:
    """A frame of which some bytes are missing, and all that follows."""
    frame = conversation.frames[index]
    start = random.randrange(len(frame))
    end = min(len(frame), start + random.choice((1, 16, 64)))
    return frame[:start] + frame[end:] + b"".join(conversation.frames[index + 1 :])


def lengthened(random: Random, conversation: Conversation, index: int) -> bytes:
    """A frame with some bytes too many in it, and all that follows."""
    frame = conversation.frames[index]
    start = random.randrange(len(frame))
    more = random.randbytes(random.choice((1, 16, 64)))
    return frame[:start] + more + frame[start:] + b"".join(conversation.frames[index + 1 :])


def replayed(random: Random, conversation: Conversation, index: int) -> bytes:
    """A frame that was there before, and then the real one."""
    return conversation.frames[random.randrange(index)] + conversation.frames[index] if index else b""


def reflected(random: Random, conversation: Conversation, index: int) -> bytes:  # noqa: ARG001
    """What the receiver has sent itself."""
    return conversation.reflected[index]


def reordered(random: Random, conversation: Conversation, index: int) -> bytes:
    """A later frame first, and then the real one."""
    later = conversation.frames[index + 1 :]
    return random.choice(later) + conversation.frames[index] if later else b""


def from_elsewhere(random: Random, conversation: Conversation, index: int) -> bytes:
    """The frame of the same number on another connection."""
    return random.choice(conversation.elsewhere)[index]


def spliced(random: Random, conversation: Conversation, index: int) -> bytes:
    """The real header, with payload and tag of a frame that was sealed elsewhere or at another time."""
    source = random.choice((*conversation.elsewhere, conversation.reflected, conversation.frames))
    return conversation.frames[index][:HEADER_BYTES] + random.choice(source)[HEADER_BYTES:]


def tagged_with_another(random: Random, conversation: Conversation, index: int) -> bytes:
    """The real header and payload, with the tag of another frame."""
    source = random.choice((*conversation.elsewhere, conversation.reflected))
    return conversation.frames[index][:-TAG_BYTES] + source[index][-TAG_BYTES:]


FORGERIES: Mapping[str, Forge] = {
    "flipped": flipped,
    "rewritten": rewritten,
    "noise": noise,
    "noise behind a magic": noise_behind_a_magic,
    "noise behind a header": noise_behind_a_header,
    "truncated": truncated,
    "shortened": shortened,
    "lengthened": lengthened,
    "replayed": replayed,
    "reflected": reflected,
    "reordered": reordered,
    "from elsewhere": from_elsewhere,
    "spliced": spliced,
    "tagged with another": tagged_with_another,
}
