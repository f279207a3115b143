"""A frame opens once, whole, in order, in its direction, at its time; anything else is a ProtocolError."""

import numpy as np
import pytest

from lockstep.core.group.ciphers import Cipher
from lockstep.core.group.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    Binding,
    FrameKind,
    Opener,
    ProtocolError,
    Seal,
    Sealer,
    Stamp,
)

KEY = bytes(range(32))
BINDING = Binding(b"j" * 16, 3)
STAMP = Stamp(generation=2, collective=70_000_000_000)
PAYLOAD = np.arange(33, dtype=np.float32).tobytes()
AES, CHACHA = Cipher.AES_256_GCM, Cipher.CHACHA20_POLY1305


def sealer(
    key: bytes = KEY, direction: bytes = b"help", binding: Binding = BINDING, cipher: Cipher = AES
) -> Sealer:
    return Sealer(Seal(cipher.with_key(key), direction, binding))


def opener(cipher: Cipher = AES) -> Opener:
    return Opener(Seal(cipher.with_key(KEY), b"help", BINDING))


def seal(
    sender: Sealer,
    kind: FrameKind = FrameKind.PARTIAL,
    stamp: Stamp = STAMP,
    payload: memoryview | bytes = PAYLOAD,
) -> bytes:
    frame = bytearray(FRAME_BYTES + len(payload) + 5)
    assert sender.seal_into(memoryview(frame), kind, stamp, payload) == len(frame) - 5
    assert frame[-5:] == bytes(5)
    return bytes(frame[:-5])


def open_frame(receiver: Opener, frame: bytes) -> tuple[FrameKind, bytes]:
    kind, _ = receiver.read_header(frame[:HEADER_BYTES])
    payload = bytearray(len(frame) - FRAME_BYTES)
    receiver.open_into(memoryview(frame)[HEADER_BYTES:], memoryview(payload))
    return kind, bytes(payload)


@pytest.mark.parametrize("cipher", list(Cipher))
def test_frames_pass_in_order(cipher: Cipher) -> None:
    sender, receiver = sealer(cipher=cipher), opener(cipher)
    for _ in range(3):
        assert open_frame(receiver, seal(sender)) == (FrameKind.PARTIAL, PAYLOAD)
        assert receiver.stamp == STAMP
    assert open_frame(receiver, seal(sender, FrameKind.EMPTY, payload=b"")) == (FrameKind.EMPTY, b"")


@pytest.mark.parametrize("cipher", list(Cipher))
def test_nothing_of_the_payload_is_to_be_seen_and_equal_ones_look_different(cipher: Cipher) -> None:
    sender = sealer(cipher=cipher)
    first, second = (seal(sender)[HEADER_BYTES:] for _ in range(2))
    assert not any(PAYLOAD[start : start + 4] in first for start in range(4, len(PAYLOAD), 4))
    assert first != second


def test_a_bit_flipped_in_the_header() -> None:
    frame = seal(sealer())
    for bit in range(HEADER_BYTES * 8):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            open_frame(opener(), bytes(changed))


@pytest.mark.parametrize("cipher", list(Cipher))
def test_a_bit_flipped_in_the_payload_or_the_tag(cipher: Cipher) -> None:
    frame = seal(sealer(cipher=cipher))
    for position in range(HEADER_BYTES, len(frame)):
        changed = bytearray(frame)
        changed[position] ^= 1
        with pytest.raises(ProtocolError, match="the seal of frame number 0 is broken"):
            open_frame(opener(cipher), bytes(changed))


def test_a_frame_does_not_pass_twice_or_out_of_order() -> None:
    sender, receiver = sealer(), opener()
    first, second = (seal(sender) for _ in range(2))
    with pytest.raises(ProtocolError, match="expected frame number 0, got 1"):
        open_frame(receiver, second)
    open_frame(receiver, first)
    with pytest.raises(ProtocolError, match="expected frame number 1, got 0"):
        open_frame(receiver, first)


@pytest.mark.parametrize(
    ("sender", "message", "refused"),
    [
        (sealer(direction=b"lead"), "seal", "seal"),
        (sealer(key=bytes(32)), "seal", "seal"),
        (sealer(cipher=CHACHA), "seal", "seal"),
        (sealer(binding=Binding(b"k" * 16, 3)), "another's", "binding"),
        (sealer(binding=Binding(b"j" * 16, 4)), "another's", "binding"),
    ],
    ids=["reflected", "another connection", "another cipher", "another job", "another attempt"],
)
def test_a_frame_from_elsewhere(sender: Sealer, message: str, refused: str) -> None:
    with pytest.raises(ProtocolError, match=message) as caught:
        open_frame(opener(), seal(sender))
    assert caught.value.refused == refused


def test_a_frame_says_when_it_was_sent() -> None:
    receiver = opener()
    open_frame(receiver, seal(sealer(), stamp=Stamp(3, 5)))
    assert receiver.stamp == Stamp(3, 5)


def test_a_nonce_is_never_used_again_even_where_sealing_fails() -> None:
    sender = sealer()
    with pytest.raises(ValueError, match="buffer"):
        sender.seal_into(memoryview(bytearray(FRAME_BYTES + 10)), FrameKind.PARTIAL, STAMP, PAYLOAD)
    with pytest.raises(ProtocolError, match="expected frame number 0, got 1"):
        open_frame(opener(), seal(sender))
