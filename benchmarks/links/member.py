"""One member of a group, or of torch's gloo: it tells what passes over its link and how long a step takes."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.links.laying import DEVICE, Links
from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block
from lockstep.core.group import Group, Released
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.terms import GroupIdentity, GroupTerms, Timeouts

VECTOR_BYTES = 4_000_000
WARM_UP, STEPS, STEPS_AFTER = 3, 10, 1
SECONDS_TO_SETTLE = 0.5
TIMEOUTS = Timeouts(handshake_seconds=10.0, step_seconds=60.0, least_seconds=30.0, lead_seconds=120.0)
GLOO_PORT = 29_500
Step = Callable[[], object]


class Given:
    """A Work that costs nothing: leaf k is a vector of ones times k + 1."""

    def __init__(self, leaves: int) -> None:
        self.leaves = leaves
        self.width = VECTOR_BYTES // 4
        self.dtype = np.dtype(np.float32)
        self.look_up: LookUp | None = None

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """See Work."""
        out[:] = sum(leaf + 1 for leaf in block.leaves())
        return True


def ours(index: int, members: int, secret: str, port: int) -> None:
    """The life of a member; the lead first tells its address."""
    links = Links(members, "")
    identity = GroupIdentity(
        job_id="links", attempt=1, secret=bytes.fromhex(secret), fingerprint="f", spec_sha256="s"
    )
    terms = GroupTerms(
        identity=identity, timeouts=TIMEOUTS, listen_host=links.address(index), transport="tcp"
    )
    if index == 0:
        _lead(terms, members)
    else:
        _help(terms, members, (links.address(0), port))


def _lead(terms: GroupTerms, members: int) -> None:
    lead = GroupLead(terms, members - 1, lambda *_: None)
    _say(lead.address)
    step = _step_of(lead, members)
    try:
        while lead.world_size < members:
            step()
            time.sleep(0.01)
        told = _measured(step, 0)
        for _ in range(STEPS_AFTER):
            step()
        _say(told)
    finally:
        lead.close("done")


def _help(terms: GroupTerms, members: int, address: tuple[str, int]) -> None:
    helper = GroupHelper.join(terms, address)
    step = _step_of(helper, members)
    done = 0
    try:
        while helper.world_size < members:
            step()
            done = 1  # of the steps with all: it sees that all are there once it has done the first
        _say(_measured(step, done))
        while True:
            step()
    except Released:
        pass
    finally:
        helper.close("done")


def _step_of(group: Group, members: int) -> Step:
    work = Given(members)
    out = np.empty(work.width, work.dtype)

    def step() -> None:
        group.welcome(lambda: b"state")
        group.all_reduce(work, out, admits=True)
        expected = members * (members + 1) / 2
        if not (out == expected).all():
            raise ValueError(f"expected {expected} everywhere, got {out}")

    return step


def gloo(index: int, members: int) -> None:
    """The same by torch.distributed."""
    import torch

    torch.set_num_threads(1)
    address = f"tcp://{Links(members, '').address(0)}:{GLOO_PORT}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=index, world_size=members)
    vector = torch.empty(VECTOR_BYTES // 4)

    def step() -> None:
        vector.fill_(index + 1)
        torch.distributed.all_reduce(vector)

    told = _measured(step, 0)
    torch.distributed.barrier()
    _say(told)


def _measured(step: Step, done: int) -> dict[str, float]:
    """Of the same steps on all members, with nothing on its way before and after."""
    for _ in range(WARM_UP - done):
        step()
    sent, received = _passed_in_peace()
    times = []
    for _ in range(STEPS):
        began = time.monotonic()
        step()
        times.append(time.monotonic() - began)
    now_sent, now_received = _passed_in_peace()
    return {
        "sent": (now_sent - sent) / STEPS,
        "received": (now_received - received) / STEPS,
        "seconds": median(times),
    }


def _passed_in_peace() -> tuple[int, int]:
    """Bytes sent and received over this namespace's link, while no member is in a step."""
    time.sleep(SECONDS_TO_SETTLE)
    device = Path(f"/sys/class/net/{DEVICE}/statistics")
    passed = int((device / "tx_bytes").read_text()), int((device / "rx_bytes").read_text())
    time.sleep(SECONDS_TO_SETTLE)
    return passed


def _say(told: object) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "gloo":
        gloo(int(sys.argv[2]), int(sys.argv[3]))
    else:
        ours(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
