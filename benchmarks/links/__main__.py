"""python -m benchmarks.links: prints the table."""

import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.links.laying import DEVICE, Links, laid
from benchmarks.links.member import VECTOR_BYTES
from lockstep.core.group.terms import SECRET_BYTES

SIZES = (2, 3, 4, 8)
RATES = {"1 Gbit/s": "1gbit", "100 Mbit/s": "100mbit"}
BITS_PER_SECOND = {"1gbit": 1e9, "100mbit": 1e8}
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Measured:
    """The most that a member sends or receives a step over its link, with the headers of all layers."""

    most_bytes: float
    seconds: float


def ours(links: Links) -> Measured:
    """Let a group of members, one in each namespace, do its steps."""
    secret = secrets.token_hex(SECRET_BYTES)
    with laid(links):
        lead = _started(links, 0, "ours", secret, "0")
        if lead.stdout is None:
            raise RuntimeError("expected the lead's words to come through a pipe")
        _, port = json.loads(lead.stdout.readline())
        helpers = [_started(links, index, "ours", secret, str(port)) for index in range(1, links.count)]
        return _gathered([lead, *helpers])


def gloo(links: Links) -> Measured:
    """The same by torch.distributed over gloo."""
    with laid(links):
        return _gathered([_started(links, index, "gloo") for index in range(links.count)])


def _started(links: Links, index: int, way: str, *more: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "benchmarks.links.member", way, str(index), str(links.count), *more]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": DEVICE}
    return subprocess.Popen(links.inside(index, program), stdout=subprocess.PIPE, text=True, env=environment)


def _gathered(members: Sequence[subprocess.Popen[str]]) -> Measured:
    told = [json.loads(each.communicate(timeout=PATIENCE_SECONDS)[0]) for each in members]
    most = max(max(each["sent"], each["received"]) for each in told)
    return Measured(most, told[0]["seconds"])


def main() -> None:
    """See above."""
    has_gloo = importlib.util.find_spec("torch") is not None
    print(f"{VECTOR_BYTES / 1e6:.0f} MB a step; {os.cpu_count()} processors for all members")
    print(
        "link        members   bound MB    most MB    over   least s     s a step"
        + "   gloo MB   gloo s" * has_gloo
    )
    for name, rate in RATES.items():
        for count in SIZES:
            links = Links(count, rate)
            measured = ours(links)
            bound = 2 * VECTOR_BYTES * (count - 1) / count
            row = f"{name:12}{count:7d} {bound / 1e6:10.2f} {measured.most_bytes / 1e6:10.2f}"
            row += f" {measured.most_bytes / bound - 1:7.1%} {8 * bound / BITS_PER_SECOND[rate]:9.3f}"
            row += f" {measured.seconds:12.3f}"
            if has_gloo:
                peer = gloo(links)
                row += f" {peer.most_bytes / 1e6:9.2f} {peer.seconds:8.3f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
