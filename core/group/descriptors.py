"""Descriptors on their way between two members of one host, over an AF_UNIX socket without a name on disk."""

import array
import hmac
import os
import socket
from collections.abc import Iterable, Sequence

MAX_DESCRIPTORS = 8
_BESIDE = b"D"  # descriptors go beside a byte
_ITEM_BYTES = array.array("i").itemsize


def local_name(secret: bytes, port: int) -> bytes:
    """The abstract AF_UNIX address of the door at `port`: only who knows the group's secret can tell it."""
    return b"\0lockstep-" + hmac.digest(secret, b"lockstep door %d" % port, "sha256")[:16].hex().encode()


def listen_here(name: bytes, backlog: int) -> socket.socket:
    """Listen to this host at an abstract address. Raises OSError where that can't be."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(name)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def send_descriptors(connection: socket.socket, descriptors: Sequence[int]) -> None:
    """Send them. Raises BlockingIOError where nothing can be sent now, other OSError where all is over."""
    if not 0 < len(descriptors) <= MAX_DESCRIPTORS:
        raise ValueError(f"expected 1 to {MAX_DESCRIPTORS} descriptors, got {len(descriptors)}")
    socket.send_fds(connection, [_BESIDE], list(descriptors))


def receive_descriptors(connection: socket.socket, count: int) -> tuple[int, ...]:
    """The descriptors that the peer has sent, the caller's from now on; other programs do not inherit them.

    Raises BlockingIOError where nothing has come yet, ConnectionError where the peer is gone, and other
    OSError where something else than so many descriptors came, all of them closed.
    """
    room = socket.CMSG_SPACE(MAX_DESCRIPTORS * _ITEM_BYTES)
    data, beside, flags, _ = connection.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
    received = array.array("i")
    for level, kind, content in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received.frombytes(content[: len(content) - len(content) % _ITEM_BYTES])
    if len(received) == count and data == _BESIDE and not flags & socket.MSG_CTRUNC:
        return tuple(received)
    close_all(received)
    if not data:
        raise ConnectionResetError("the peer hung up before it sent its descriptors")
    raise OSError(f"expected {count} descriptors, got {len(received)} beside {data!r}")


def close_all(descriptors: Iterable[int]) -> None:
    """Close each of them."""
    for descriptor in descriptors:
        os.close(descriptor)
