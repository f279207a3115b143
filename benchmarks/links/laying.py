"""Links between network namespaces, each of so many bits a second."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

DEVICE = "net0"
_NAME = "lockstep-links"
_LIST = ("ip", "netns", "list")


@dataclass(frozen=True)
class Links:
    """Namespaces 0 to n-1, each with an address and a link of that rate to all others."""

    count: int
    rate: str

    def address(self, index: int) -> str:
        """Of a namespace."""
        return f"10.77.0.{index + 1}"

    def name(self, index: int) -> str:
        """Of a namespace."""
        return f"{_NAME}-{index}"

    def inside(self, index: int, command: Sequence[str]) -> list[str]:
        """A command, in a namespace."""
        return ["ip", "netns", "exec", self.name(index), *command]


@contextmanager
def laid(links: Links) -> Iterator[None]:
    """Lay the links, and take them away."""
    _take_away()
    hub = f"{_NAME}-hub"
    _run("ip", "netns", "add", hub)
    try:
        _run("ip", "-n", hub, "link", "add", "hub", "type", "bridge")
        _run("ip", "-n", hub, "link", "set", "hub", "up")
        for index in range(links.count):
            _lay(links, index, hub)
        yield
    finally:
        _take_away()


def _lay(links: Links, index: int, hub: str) -> None:
    name = links.name(index)
    _run("ip", "netns", "add", name)
    port = ["name", f"port{index}", "netns", hub]
    _run("ip", "-n", name, "link", "add", "name", DEVICE, "type", "veth", "peer", *port)
    _run("ip", "-n", hub, "link", "set", f"port{index}", "master", "hub")
    _run("ip", "-n", name, "addr", "add", f"{links.address(index)}/24", "dev", DEVICE)
    for place, device in ((name, DEVICE), (hub, f"port{index}")):
        _run("ip", "-n", place, "link", "set", device, "up")
        shape = ["tbf", "rate", links.rate, "burst", "256kb", "latency", "200ms"]
        _run("tc", "-n", place, "qdisc", "add", "dev", device, "root", *shape)
    _run("ip", "-n", name, "link", "set", "lo", "up")


def _take_away() -> None:
    listed = subprocess.run(_LIST, capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        if line.startswith(_NAME):
            _run("ip", "netns", "del", line.split()[0])


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
