"""Descriptors between processes of one host."""

import os
import socket

import pytest

from lockstep.core.group.descriptors import (
    MAX_DESCRIPTORS,
    close_all,
    local_name,
    receive_descriptors,
    send_descriptors,
)
from tests.core.group.test_segment import descriptors


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


def test_they_arrive_and_are_not_inherited(pipe: tuple[int, int]) -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        send_descriptors(near, pipe)
        received = receive_descriptors(far, 2)

    os.write(received[1], b"x")
    assert os.read(pipe[0], 1) == b"x"
    assert not any(os.get_inheritable(each) for each in received)
    close_all((*pipe, *received))


def test_what_comes_after_is_left_for_others(pipe: tuple[int, int]) -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        send_descriptors(near, pipe)
        near.send(b"frames")
        close_all(receive_descriptors(far, 2))

        assert far.recv(10) == b"frames"
    close_all(pipe)


@pytest.mark.parametrize("sent", [0, 1, 3, MAX_DESCRIPTORS, MAX_DESCRIPTORS + 5])
def test_another_number_is_refused_and_none_is_kept(pipe: tuple[int, int], sent: int) -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        before = descriptors()
        if sent:
            socket.send_fds(near, [b"D"], [pipe[0]] * sent)
        else:
            near.send(b"D")
        with pytest.raises(OSError, match="expected 2 descriptors"):
            receive_descriptors(far, 2)

        assert descriptors() == before
    close_all(pipe)


def test_nothing_yet_and_nobody_any_more() -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            receive_descriptors(far, 2)
        near.close()
        with pytest.raises(ConnectionError, match="hung up"):
            receive_descriptors(far, 2)


def test_the_local_address_follows_from_secret_and_port_and_lies_on_no_disk() -> None:
    names = {local_name(bytes([secret]) * 32, port) for secret in range(3) for port in (80, 81)}

    assert len(names) == 6
    assert all(name.startswith(b"\0lockstep-") and len(name) < 100 for name in names)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(min(names))
