"""Frames come out as they went in, however the network cuts them; a channel never blocks."""

import select
import socket
import threading
from contextlib import suppress

import numpy as np
import pytest

from lockstep.core.group.channel import Channel, PeerLost
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES, FrameKind, ProtocolError, Stamp
from tests.core.group.conftest import Ends

PAYLOADS = [b"", b"x", bytes(range(256)) * 3, np.random.default_rng(0).bytes(131_072), b"", b"end" * 7_000]


class Taker:
    """A Sink that takes frames of the given lengths, and `at_a_time` of them."""

    def __init__(self, lengths: list[int], at_a_time: int = 1_000) -> None:
        self.lengths = lengths
        self.at_a_time = at_a_time
        self.taken: list[bytes] = []
        self.puts_off = False
        self._place = memoryview(b"")

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:  # noqa: ARG002 - as Sink
        """See Sink."""
        if self.puts_off:
            return None
        if kind is not FrameKind.PARTIAL:
            raise ProtocolError(f"a frame {kind.name} of {length} bytes may not come now")
        self._place = memoryview(bytearray(self.lengths[len(self.taken)]))
        return self._place

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:  # noqa: ARG002 - as Sink
        """See Sink."""
        assert kind is FrameKind.PARTIAL
        self.taken.append(bytes(self._place))
        return len(self.taken) % self.at_a_time != 0


def send_all(sender: Channel, out: socket.socket) -> bytes:
    """Everything that the channel has queued, as it leaves it."""
    data = b""
    while not sender.flush() or select.select([out], [], [], 0.05)[0]:
        data += out.recv(1 << 20)
    return data


def send_for_ever(sender: Channel) -> None:
    while True:
        sender.queue(FrameKind.PARTIAL, bytes(100_000))
        if not sender.flush():
            select.select([], [sender], [], 5)


def wait_readable(channel: Channel) -> None:
    select.select([channel], [], [], 5)


@pytest.mark.parametrize("piece", [1, 7, 63, 4_096, 100_000, 10_000_000])
def test_frames_survive_any_cutting(ends: Ends, piece: int) -> None:
    sender, receiver, out, into = ends
    payloads = PAYLOADS if piece > 7 else [b"", b"x", bytes(300)]
    for payload in payloads:
        sender.queue(FrameKind.PARTIAL, payload)
    data = send_all(sender, out)
    taker = Taker([len(payload) for payload in payloads])
    for start in range(0, len(data), piece):
        into.sendall(data[start : start + piece])
        wait_readable(receiver)
        receiver.receive(taker)
    while len(taker.taken) < len(payloads):
        wait_readable(receiver)
        receiver.receive(taker)
    assert taker.taken == payloads
    assert not receiver.has_read_ahead


def test_a_sink_that_has_enough_gets_the_rest_when_it_asks(ends: Ends) -> None:
    sender, receiver, out, into = ends
    for number in range(5):
        sender.queue(FrameKind.PARTIAL, bytes([number]))
    into.sendall(send_all(sender, out))
    wait_readable(receiver)
    taker = Taker([1] * 5, at_a_time=2)
    receiver.receive(taker)
    assert taker.taken == [b"\0", b"\1"]
    assert receiver.has_read_ahead
    receiver.receive(taker)
    receiver.receive(taker)
    assert taker.taken == [bytes([number]) for number in range(5)]


def test_a_frame_that_the_sink_puts_off_waits_until_it_asks(ends: Ends) -> None:
    sender, receiver, out, into = ends
    for number in range(2):
        sender.queue(FrameKind.PARTIAL, bytes([number]))
    into.sendall(send_all(sender, out))
    wait_readable(receiver)
    taker = Taker([1] * 2)
    taker.puts_off = True
    receiver.receive(taker)
    receiver.receive(taker)
    assert taker.taken == []
    assert receiver.holds
    taker.puts_off = False
    receiver.receive(taker)
    assert taker.taken == [b"\0", b"\1"]
    assert not receiver.holds


@pytest.mark.parametrize("claimed", [0, 1, 9, 11, 2**32 - 1])
def test_a_length_other_than_the_expected_one_is_refused_before_anything_is_read(
    ends: Ends, claimed: int
) -> None:
    sender, receiver, out, into = ends
    sender.queue(FrameKind.PARTIAL, bytes(10))
    data = bytearray(send_all(sender, out))
    data[48:52] = claimed.to_bytes(4, "big")
    into.sendall(data)
    wait_readable(receiver)
    taker = Taker([10])
    with pytest.raises(ProtocolError, match=f"expected 10 bytes in a frame PARTIAL, got {claimed}"):
        receiver.receive(taker)
    assert taker.taken == []
    assert receiver.refusals.counts() == {"length": 1}


def test_a_payload_longer_than_a_frame_may_have(ends: Ends) -> None:
    sender, receiver, out, into = ends
    with pytest.raises(ValueError, match="expected at most 262144 bytes for a frame, got 262145"):
        sender.queue(FrameKind.PARTIAL, bytes(MAX_PAYLOAD_BYTES + 1))
    payloads = [bytes([number]) * MAX_PAYLOAD_BYTES for number in range(3)]
    taker = Taker([MAX_PAYLOAD_BYTES] * 3)
    for payload in payloads:
        sender.queue(FrameKind.PARTIAL, payload)
    data = send_all(sender, out)
    thread = threading.Thread(target=into.sendall, args=(data,))
    thread.start()
    while len(taker.taken) < len(payloads):
        wait_readable(receiver)
        receiver.receive(taker)
    thread.join(10)
    assert taker.taken == payloads


def test_a_kind_that_may_not_come_is_refused(ends: Ends) -> None:
    sender, receiver, out, into = ends
    sender.queue(FrameKind.COMMIT, bytes(10))
    into.sendall(send_all(sender, out))
    wait_readable(receiver)
    with pytest.raises(ProtocolError, match="a frame COMMIT of 10 bytes may not come now"):
        receiver.receive(Taker([10]))
    assert receiver.refusals.counts() == {"kind": 1}


def test_a_peer_that_is_gone(ends: Ends) -> None:
    sender, receiver, out, into = ends
    assert receiver.is_quiet()
    into.close()
    wait_readable(receiver)
    assert not receiver.is_quiet()
    with pytest.raises(PeerLost, match="closed the connection"):
        receiver.receive(Taker([]))
    out.close()
    with pytest.raises(PeerLost, match="the connection broke"):
        send_for_ever(sender)


def test_flush_does_not_wait_for_a_peer_that_does_not_read(ends: Ends) -> None:
    sender, receiver, out, into = ends
    payloads = [bytes([number]) * 250_000 for number in range(240)]
    for payload in payloads:
        sender.queue(FrameKind.PARTIAL, payload)
    assert not sender.flush()
    assert sender.has_pending
    assert not sender.say_goodbye("a frame may not be cut by another")
    # Neither end of the wire may wait: what was forwarded last can still be on its way to the receiver.
    out.setblocking(False)
    into.setblocking(False)
    taker = Taker([len(payload) for payload in payloads])
    backlog = b""
    while len(taker.taken) < len(payloads):
        sender.flush()
        with suppress(BlockingIOError):
            backlog = backlog or out.recv(1 << 20)
            backlog = backlog[into.send(backlog) :]
        receiver.receive(taker)
    assert taker.taken == payloads
