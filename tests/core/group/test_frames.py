"""A frame passes once, whole, in order, in its direction, at its time; anything else is a ProtocolError."""

import numpy as np
import pytest

from lockstep.core.group.frames import (
    HEADER_BYTES,
    NO_PLACE,
    Binding,
    FrameKind,
    GroupPlace,
    Opener,
    ProtocolError,
    Sealer,
    Stamp,
)

KEY = bytes(range(32))
BINDING = Binding(b"j" * 16, 3)
STAMP = Stamp(generation=2, collective=70_000_000_000)
PAYLOAD = np.arange(33, dtype=np.float32).data.cast("B")


def sealer(key: bytes = KEY, direction: bytes = b"help", binding: Binding = BINDING) -> Sealer:
    return Sealer(key, direction, binding)


def opener() -> Opener:
    return Opener(KEY, b"help", BINDING)


def open_frame(
    receiver: Opener, frame: tuple[bytes, bytes], payload: memoryview = PAYLOAD, stamp: Stamp = STAMP
) -> tuple[FrameKind, int]:
    result = receiver.read_header(frame[0], stamp)
    receiver.verify(payload, memoryview(frame[1]))
    return result


def test_frames_pass_in_order() -> None:
    sender, receiver = sealer(), opener()
    for _ in range(3):
        assert open_frame(receiver, sender.seal(FrameKind.PARTIAL, STAMP, PAYLOAD)) == (
            FrameKind.PARTIAL,
            132,
        )
        assert receiver.place == NO_PLACE
    place = GroupPlace(4, 1, 3)
    frame = sender.seal(FrameKind.COMMIT, STAMP, PAYLOAD, place)
    assert open_frame(receiver, frame) == (FrameKind.COMMIT, 132)
    assert receiver.place == place
    frame = sender.seal(FrameKind.EMPTY, STAMP, b"")
    assert open_frame(receiver, frame, memoryview(b"")) == (FrameKind.EMPTY, 0)


def test_a_bit_flipped_in_the_header() -> None:
    header, tag = sealer().seal(FrameKind.PARTIAL, STAMP, PAYLOAD)
    for bit in range(HEADER_BYTES * 8):
        changed = bytearray(header)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            open_frame(opener(), (bytes(changed), tag))


def test_a_bit_flipped_in_the_payload_or_the_tag() -> None:
    header, tag = sealer().seal(FrameKind.PARTIAL, STAMP, PAYLOAD)
    for position in range(len(PAYLOAD)):
        changed = bytearray(PAYLOAD)
        changed[position] ^= 1
        with pytest.raises(ProtocolError, match="MAC"):
            open_frame(opener(), (header, tag), memoryview(changed))
    for position in range(len(tag)):
        changed = bytearray(tag)
        changed[position] ^= 1
        with pytest.raises(ProtocolError, match="MAC"):
            open_frame(opener(), (header, bytes(changed)))


def test_a_frame_does_not_pass_twice_or_out_of_order() -> None:
    sender, receiver = sealer(), opener()
    first, second = (sender.seal(FrameKind.PARTIAL, STAMP, PAYLOAD) for _ in range(2))
    with pytest.raises(ProtocolError, match="expected frame number 0, got 1"):
        open_frame(receiver, second)
    open_frame(receiver, first)
    with pytest.raises(ProtocolError, match="expected frame number 1, got 0"):
        open_frame(receiver, first)


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        (sealer(direction=b"lead"), "MAC"),
        (sealer(key=bytes(32)), "MAC"),
        (sealer(binding=Binding(b"k" * 16, 3)), "another's"),
        (sealer(binding=Binding(b"j" * 16, 4)), "another's"),
    ],
    ids=["reflected", "another connection", "another job", "another attempt"],
)
def test_a_frame_from_elsewhere(sender: Sealer, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        open_frame(opener(), sender.seal(FrameKind.PARTIAL, STAMP, PAYLOAD))


@pytest.mark.parametrize("stamp", [Stamp(1, STAMP.collective), Stamp(2, 5)], ids=["generation", "collective"])
def test_a_frame_from_another_time_passes_only_if_it_is_a_goodbye(stamp: Stamp) -> None:
    with pytest.raises(ProtocolError, match="expected a frame of generation 2, collective 70000000000"):
        open_frame(opener(), sealer().seal(FrameKind.PARTIAL, stamp, PAYLOAD))
    assert open_frame(opener(), sealer().seal(FrameKind.OVER, stamp, PAYLOAD)) == (FrameKind.OVER, 132)
