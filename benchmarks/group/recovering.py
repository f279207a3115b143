"""A member of a group that trains while others come and go, and notes when.

Rank 0 leads and trains from the start: `alone` tells how long a step takes it, `watch SECONDS` trains for
so long and tells when each step ended and with how many members (monotonic: one clock for all processes of
a host). Every other rank waits until it is told to `join`: it notes in FOLDER/arrival.RANK when it knocked,
when it was let in, when its first shard began and when its first step was done, helps until it is let go,
and tells why that was.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.core.workloads import TINY_RATES, OptimizerName
from benchmarks.group import ours
from benchmarks.group.member import Answers, Seat
from benchmarks.group.nets import LARGE, NETS
from lockstep.core.group import Group, LeadLost, Released
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve

STEPS_ALONE = 20
SHARDS = 2


def make(seat: Seat, net: str, given: str, transport: str) -> Answers:
    """See Members."""
    optimizer: OptimizerName = "adam" if given == "adam" else "sgd"
    raw = {**NETS, LARGE.name: LARGE}[net].spec(optimizer, TINY_RATES[optimizer], SHARDS)
    spec = resolve(parse_spec(raw | {"epochs": 1_000_000}), lambda: 1)
    dataset = load_dataset(spec)
    if seat.rank:
        return _helper(seat, lambda group, start: Training(spec, dataset, group, start), transport)
    training = Training(spec, dataset, SoloGroup())
    training.advance(STEPS_ALONE)
    begin = time.monotonic()
    training.advance(STEPS_ALONE)
    alone = (time.monotonic() - begin) / STEPS_ALONE
    group = ours.lead(seat, transport)
    training = Training(spec, dataset, group)

    def watch(seconds: str) -> dict[str, Any]:
        ends, sizes = [], []
        deadline = time.monotonic() + float(seconds)
        while time.monotonic() < deadline:
            training.advance(1)
            ends.append(time.monotonic())
            sizes.append(group.world_size)
        return {"ends": ends, "sizes": sizes}

    return {"alone": lambda: {"seconds": alone}, "watch": watch}


def _helper(seat: Seat, train: Callable[[Group, Checkpoint], Training], transport: str) -> Answers:
    def join() -> dict[str, Any]:
        knocked = time.monotonic()
        helper = ours.join(seat, transport)
        let_in = time.monotonic()
        reason = "nothing more to do"
        try:
            training = train(helper, Checkpoint.from_bytes(helper.state))
            began = time.monotonic()
            training.advance(1)
            times = {"knocked": knocked, "let_in": let_in, "began": began, "stepped": time.monotonic()}
            unfinished = seat.folder / f"part.{seat.rank}"
            unfinished.write_text(json.dumps(times))
            unfinished.rename(seat.folder / f"arrival.{seat.rank}")
            while not training.finished:
                training.advance(100)
        except (Released, LeadLost) as error:
            reason = str(error)
        helper.close(reason)
        return {"reason": reason}

    return {"join": join}
