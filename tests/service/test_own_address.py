"""Which addresses are this machine's own, and reached by others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.service.own_address import is_loopback


def test_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("192.0.2.1", "10.0.0.1", "example.org", "")))


IPV6_ONLY = """
ip link set lo up && ip address add 2001:db8:77::5/64 dev lo nodad && ip -6 route add default dev lo &&
exec "$0" -c 'from lockstep.service.own_address import own_address; print(own_address())'
"""


@pytest.mark.skipif(
    shutil.which("ip") is None
    or subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0,
    reason="only who may make networks can make one of IPv6 alone",
)
def test_on_a_host_of_ipv6_alone_its_own_address_is_found() -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", IPV6_ONLY, sys.executable],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "2001:db8:77::5"
