from __future__ import annotations

import os
import socket

import pytest

from lockstep.service.local import ports
from lockstep.service.local.errors import LocalError


def test_a_given_port_is_taken() -> None:
    with ports.listen(0) as any_free:
        number = any_free.getsockname()[1]

    with ports.listen(number) as listener:
        assert listener.getsockname() == ("127.0.0.1", number)


def test_a_taken_port_is_refused_with_its_holders_name() -> None:
    with ports.listen(0) as held:
        number = held.getsockname()[1]

        with pytest.raises(LocalError) as refusal:
            ports.listen(number)

    assert str(number) in str(refusal.value)
    assert f"pid {os.getpid()}" in str(refusal.value)
    assert "--port" in str(refusal.value)


def test_a_port_held_on_every_address_is_refused_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as held, pytest.raises(LocalError, match=f"pid {os.getpid()}"):  # noqa: S104
        ports.listen(held.getsockname()[1])


def test_without_a_port_the_next_free_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.listen(0) as held:
        number = held.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST_PORT", number)
        monkeypatch.setattr(ports, "LAST_PORT", number + 50)

        with ports.listen(None) as listener:
            assert number < listener.getsockname()[1] <= number + 50


def test_when_no_port_is_free_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.listen(0) as held:
        number = held.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST_PORT", number)
        monkeypatch.setattr(ports, "LAST_PORT", number)

        with pytest.raises(LocalError, match="--port"):
            ports.listen(None)


def test_nobody_holds_a_free_port() -> None:
    with ports.listen(0) as listener:
        number = listener.getsockname()[1]

    assert ports.holder_of(number) is None
