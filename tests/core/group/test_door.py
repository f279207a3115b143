"""What strangers can do at the lead's door: nothing, and not for long."""

import contextlib
import logging
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lockstep.core.group.door import MAX_STRANGERS, Door
from lockstep.core.group.frames import Stamp
from lockstep.core.group.handshake import CHALLENGE_BYTES, make_hello
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.reception import LeadsReception
from lockstep.core.group.terms import Timeouts
from tests.core.group.team import IDENTITY, PATIENT, QUICK, HelperRun, LeadRun, numbers, terms

TIMEOUTS = replace(QUICK, handshake_seconds=0.3)


def opened(timeouts: Timeouts, seats: int, host: str = "127.0.0.1") -> Door:
    """A lead's door."""
    reception = LeadsReception(seats)
    door = Door(replace(terms("tcp", timeouts), listen_host=host), reception, None, Stamp())
    reception.open(door.address)
    return door


@pytest.fixture
def door() -> Iterator[Door]:
    door = opened(TIMEOUTS, seats=2)
    yield door
    door.close()
    for guest in door.waiting:
        guest.channel.close()


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
        (make_hello(IDENTITY, bytes(32)), CHALLENGE_BYTES),
        (make_hello(IDENTITY, bytes(32)) + bytes(31), CHALLENGE_BYTES),
        (make_hello(IDENTITY, bytes(32)) + bytes(32), CHALLENGE_BYTES),
        (make_hello(IDENTITY, bytes(32)) + bytes(100_000), CHALLENGE_BYTES),
    ],
    ids=["nothing", "a byte", "http", "only a greeting", "half a proof", "a wrong proof", "a flood"],
)
def test_a_stranger_is_shown_out_in_time(door: Door, sends: bytes, gets: int) -> None:
    with socket.create_connection(door.address) as stranger:
        with contextlib.suppress(ConnectionError):
            stranger.sendall(sends)
        assert len(answer_to(stranger)) == gets
    assert not door.waiting


def turned_away_with(door: Door, sends: bytes) -> bytes:
    """What a stranger that sends this and no more gets, once it has been counted."""
    with socket.create_connection(door.address) as stranger:
        stranger.sendall(sends)
        stranger.shutdown(socket.SHUT_WR)
        return answer_to(stranger)


def test_strangers_are_counted_by_reason(door: Door) -> None:
    hello = make_hello(IDENTITY, bytes(32))
    for sends in (b"", hello[:70], hello, b"GET / HTTP/1.1\r\n", hello + bytes(32), b"LKSTEP01" + hello[8:]):
        turned_away_with(door, sends)
    with socket.create_connection(door.address) as stranger:
        assert answer_to(stranger) == b""
    for helper in (replace(IDENTITY, job_id="job_2"), replace(IDENTITY, attempt=2)):
        HelperRun(door.address, numbers(1), identity=helper).join()
    counts = {"hung_up": 3, "greeting": 1, "proof": 1, "version": 1, "late": 1, "job": 1, "attempt": 1}
    wait_until(lambda: door.refusals.counts() == counts)


@pytest.mark.parametrize("length", [8, 144, 145, 4_000])
def test_a_member_of_another_version_is_told_ours_however_long_its_greeting(
    door: Door, caplog: pytest.LogCaptureFixture, length: int
) -> None:
    caplog.set_level(logging.INFO)
    assert turned_away_with(door, b"LKSTEP01".ljust(length, b"x")) == b"LKSTEP02"
    wait_until(lambda: "reason=it speaks group protocol 1, this one 2" in caplog.text)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"LKSTEP03", "it speaks group protocol 3, this one 2"),
        (b"", "one of group protocol 1 does so; this one speaks 2"),
        (b"SSH-2.0-OpenSSH", "expected the greeting of a member"),
    ],
)
def test_a_helper_says_in_words_that_the_lead_is_of_another_version(answer: bytes, message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as lead:
        helper = HelperRun(lead.getsockname(), numbers(1))
        connection, _ = lead.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
        assert message in str(helper.join().end)


def test_a_stranger_that_trickles_does_not_get_more_time(door: Door) -> None:
    hello = make_hello(IDENTITY, bytes(32))

    def trickle(stranger: socket.socket) -> None:
        for byte in hello:
            stranger.sendall(bytes([byte]))
            time.sleep(0.01)

    with socket.create_connection(door.address) as stranger, pytest.raises(ConnectionError):
        trickle(stranger)


def has_answer(connection: socket.socket) -> bool:
    """Whether the lead has answered the greeting, so whether it has let the stranger in front of its door."""
    with contextlib.suppress(BlockingIOError):
        return len(connection.recv(CHALLENGE_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)) == CHALLENGE_BYTES
    return False


def strangers_at(address: tuple[str, int], stack: contextlib.ExitStack) -> list[socket.socket]:
    """Twice as many as there are places, and each has greeted."""
    strangers = [stack.enter_context(socket.create_connection(address)) for _ in range(2 * MAX_STRANGERS)]
    for stranger in strangers:
        stranger.sendall(make_hello(IDENTITY, bytes(32)))
    return strangers


def test_many_strangers_hold_a_few_places() -> None:
    patient = opened(replace(QUICK, handshake_seconds=60.0), seats=2)
    with contextlib.ExitStack() as stack:
        stack.callback(patient.close)
        strangers = strangers_at(patient.address, stack)
        wait_until(lambda: sum(map(has_answer, strangers)) >= MAX_STRANGERS)
        assert not select.select([each for each in strangers if not has_answer(each)], [], [], 0.05)[0]
        # Who goes makes room for one that waits; what it was answered is still there to be read.
        next(each for each in strangers if has_answer(each)).shutdown(socket.SHUT_WR)
        wait_until(lambda: sum(map(has_answer, strangers)) == MAX_STRANGERS + 1)


def test_a_helper_gets_in_behind_many_strangers() -> None:
    with LeadRun(numbers(4), timeouts=TIMEOUTS) as run, contextlib.ExitStack() as stack:
        strangers_at(run.lead.address, stack)
        helper = HelperRun(run.lead.address, numbers(4), timeouts=PATIENT, stays=2)
        run.steps_until(lambda: helper.is_done)
        assert helper.join().steps


def test_no_more_wait_than_there_are_seats(door: Door) -> None:
    helpers = [
        HelperRun(door.address, numbers(1), timeouts=replace(PATIENT, lead_seconds=4.5)) for _ in range(3)
    ]
    wait_until(lambda: len(door.waiting) == 2 and any(helper.is_done for helper in helpers))
    assert [str(helper.end) for helper in helpers if helper.is_done] == ["no seat is free"]
    for guest in door.waiting:
        guest.channel.say_goodbye("over")
    assert sorted(str(helper.join().end) for helper in helpers) == ["no seat is free", "over", "over"]


def test_closing_hangs_up_and_frees_the_port() -> None:
    door = opened(TIMEOUTS, seats=1)
    with socket.create_connection(door.address) as stranger:
        stranger.sendall(make_hello(IDENTITY, bytes(32)))
        wait_until(lambda: has_answer(stranger))
        door.close()
        door.close()
        assert len(answer_to(stranger)) == CHALLENGE_BYTES
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(door.address, timeout=5)


def test_it_listens_on_the_given_host_only(door: Door) -> None:
    assert door.address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", door.address[1]), timeout=5)


def test_ipv6() -> None:
    try:
        door = opened(TIMEOUTS, seats=1, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        helper = HelperRun(door.address, numbers(1))
        wait_until(lambda: len(door.waiting) == 1)
        door.waiting[0].channel.say_goodbye("over")
        assert str(helper.join().end) == "over"
    finally:
        door.close()
        door.waiting.popleft().channel.close()


def test_a_helper_that_has_gone_is_not_let_in() -> None:
    with LeadRun(numbers(4)) as run:
        left = False
        with pytest.raises(Exception, match="gave up"):
            GroupHelper.join(terms(), run.lead.address, leave=lambda: left or bool(run.lead._door.waiting))
        run.steps(3)
        assert run.events == []
