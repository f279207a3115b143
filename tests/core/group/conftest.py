"""Channels to send frames through."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lockstep.core.group.channel import Channel
from lockstep.core.group.frames import Stamp
from lockstep.core.group.handshake import answer_challenge, check_proof, make_challenge, make_hello
from lockstep.core.group.refusals import Refusals
from tests.core.group.team import IDENTITY

Ends = tuple[Channel, Channel, socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Two channels with two loose sockets in between.

    What the first channel sends comes out at the first socket; what is put into the second comes to the other
    channel.
    """
    hello = make_hello(IDENTITY, bytes(32))
    challenge = make_challenge(IDENTITY, hello, bytes(32))
    proof, helpers = answer_challenge(IDENTITY, hello, challenge)
    leads = check_proof(IDENTITY, hello, challenge, proof)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        sockets = []
        for _ in range(2):
            near = stack.enter_context(socket.create_connection(listener.getsockname()))
            sockets += [near, stack.enter_context(listener.accept()[0])]
        yield (
            Channel(sockets[0], helpers, Stamp(), Refusals()),
            Channel(sockets[2], leads, Stamp(), Refusals()),
            sockets[1],
            sockets[3],
        )
