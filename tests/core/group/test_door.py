"""What strangers can do at the lead's door: nothing, and not for long."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.group.door import MOST_STRANGERS, Door
from core.group.handshake import make_hello
from core.group.tcp_helper import TcpHelper
from tests.core.group.team import IDENTITY, PATIENT, QUICK, HelperRun, LeadRun, numbers

TIMEOUTS = replace(QUICK, handshake_seconds=0.3)


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door(IDENTITY, "127.0.0.1", TIMEOUTS, lambda: 2)
    yield door
    door.close()
    for channel in door.waiting:
        channel.close()


def answer_to(connection: socket.socket) -> bytes:
    """All that comes before the lead hangs up."""
    connection.settimeout(5)
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(4096):
            answer += part
    return answer


def wait_until(condition: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not (callable(condition) and condition()):
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("sends", "gets"),
    [
        (b"", 0),
        (b"G", 0),
        (b"GET / HTTP/1.1\r\nHost: lead\r\n\r\n".ljust(1_000), 0),
        (make_hello(IDENTITY, bytes(32)), 64),
        (make_hello(IDENTITY, bytes(32)) + bytes(31), 64),
        (make_hello(IDENTITY, bytes(32)) + bytes(32), 64),
        (make_hello(IDENTITY, bytes(32)) + bytes(100_000), 64),
    ],
    ids=["nothing", "a byte", "http", "only a greeting", "half a proof", "a wrong proof", "a flood"],
)
def test_a_stranger_is_shown_out_in_time(door: Door, sends: bytes, gets: int) -> None:
    with socket.create_connection(door.address) as stranger:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            stranger.sendall(sends)
        assert len(answer_to(stranger)) == gets
        assert time.monotonic() - started < TIMEOUTS.handshake_seconds + 1
    assert not door.waiting


def test_a_stranger_that_trickles_does_not_get_more_time(door: Door) -> None:
    hello = make_hello(IDENTITY, bytes(32))
    with socket.create_connection(door.address) as stranger:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in hello:
                stranger.sendall(bytes([byte]))
                time.sleep(0.01)
        assert time.monotonic() - started < TIMEOUTS.handshake_seconds + 1


def test_many_strangers_hold_a_few_places_and_a_helper_still_gets_in() -> None:
    with LeadRun(numbers(4), timeouts=TIMEOUTS) as run, contextlib.ExitStack() as stack:
        for _ in range(2 * MOST_STRANGERS):
            stack.enter_context(socket.create_connection(run.lead.address))
        wait_until(lambda: len(run.lead._door._strangers) == MOST_STRANGERS)
        helper = HelperRun(run.lead.address, numbers(4), timeouts=PATIENT, stays=2)
        most = 0
        while not helper.is_done:
            run.steps(1)
            most = max(most, len(run.lead._door._strangers))
            time.sleep(0.002)
        assert helper.join().steps
        assert most == MOST_STRANGERS


def test_no_more_wait_than_there_are_seats(door: Door) -> None:
    helpers = [
        HelperRun(door.address, numbers(1), timeouts=replace(PATIENT, lead_seconds=4.5)) for _ in range(3)
    ]
    wait_until(lambda: len(door.waiting) == 2 and any(helper.is_done for helper in helpers))
    assert [str(helper.end) for helper in helpers if helper.is_done] == ["no seat is free"]
    for channel in door.waiting:
        channel.say_goodbye("over")
    assert sorted(str(helper.join().end) for helper in helpers) == ["no seat is free", "over", "over"]


def test_closing_hangs_up_and_frees_the_port() -> None:
    door = Door(IDENTITY, "127.0.0.1", TIMEOUTS, lambda: 1)
    with socket.create_connection(door.address) as stranger:
        wait_until(lambda: len(door._strangers) == 1)
        door.close()
        door.close()
        assert answer_to(stranger) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(door.address, timeout=5)


def test_it_listens_on_the_given_host_only(door: Door) -> None:
    assert door.address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", door.address[1]), timeout=5)


def test_ipv6() -> None:
    try:
        door = Door(IDENTITY, "::1", TIMEOUTS, lambda: 1)
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        helper = HelperRun(door.address, numbers(1))
        wait_until(lambda: len(door.waiting) == 1)
        door.waiting[0].say_goodbye("over")
        assert str(helper.join().end) == "over"
    finally:
        door.close()
        door.waiting.popleft().close()


def test_a_helper_that_has_gone_is_not_let_in() -> None:
    with LeadRun(numbers(4)) as run:
        left = False
        with pytest.raises(Exception, match="gave up"):
            TcpHelper.join(
                IDENTITY, run.lead.address, PATIENT, leave=lambda: left or bool(run.lead._door.waiting)
            )
        run.steps(3)
        assert run.events == []
