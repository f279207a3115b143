"""What a loss costs, and how soon who comes is of use; and the death of a lead, in the whole service.

A helper's loss: from its SIGKILL (or SIGSTOP) to the end of the next step, or, where it had sent its part
by then, of the one after it; less one step's own time on the lead alone. An arrival: from its knock at the
lead's door, its data being loaded, to its first shard.
"""

import json
import os
import signal
import sys
import time
from typing import Any

import numpy as np

from benchmarks.group import ours
from benchmarks.group.figures import Figures
from benchmarks.group.leads_death import measure as measure_leads_death
from benchmarks.group.members import Answer, Members
from benchmarks.group.nets import LARGE
from benchmarks.group.tables import table

STEADY_SECONDS = 0.6
"""Together, before something happens."""
SETTLE_SECONDS = {signal.SIGKILL: 1.0, signal.SIGSTOP: 8.0}
"""For the others to go on without it: a frozen member is waited for."""
ARRIVAL_SECONDS = 10.0
HELPERS = 5
"""So many wait at a time, each in a process of its own."""
AIM_MS = {"loss": 50.0, "arrival": 100.0}
NETS = ("mlp784", LARGE.name)


def measure(figures: Figures, times: int) -> None:
    """So many losses and arrivals of each kind that has no figures yet."""
    for transport in ours.TRANSPORTS:
        for net in NETS:
            key = f"recovery/{transport}/{net}"
            if key not in figures:
                print(f"{key} ...", file=sys.stderr, flush=True)
                figures.put(key, _killed_and_arrived(net, transport, times))
        key = f"recovery/{transport}/frozen"
        if key not in figures:
            print(f"{key} ...", file=sys.stderr, flush=True)
            figures.put(key, _frozen(transport, max(3, times // 4)))
    if "recovery/lead" not in figures:
        print("recovery/lead ...", file=sys.stderr, flush=True)
        figures.put("recovery/lead", measure_leads_death(max(2, times // 5)))


def _killed_and_arrived(net: str, transport: str, times: int) -> dict[str, Any]:
    """Each helper comes once and is killed once."""
    losses, arrivals, first_steps = [], [], []
    random = np.random.default_rng(1)
    alone = 0.0
    for begin in range(0, times, HELPERS):
        members = Members(["recover", net, "sgd", transport], 1 + min(HELPERS, times - begin))
        try:
            alone = members.ask_one(0, "alone")["seconds"]
            for rank in range(1, len(members.pids)):
                pause = STEADY_SECONDS + random.uniform(0, 0.05)
                at, watched = _strike(members, rank, signal.SIGKILL, pause)
                losses += [(stall - alone) * 1000 for stall in _stalls(watched, at)]
                came = json.loads((members.folder / f"arrived.{rank}").read_text())
                arrivals.append((came["began"] - came["knocked"]) * 1000)
                first_steps.append((came["stepped"] - came["knocked"]) * 1000)
        finally:
            members.close()
    return {
        "loss_ms": losses,
        "step_ms": alone * 1000,
        "arrival_ms": arrivals,
        "arrival, first step done_ms": first_steps,
        "load": os.getloadavg()[0],
    }


def _frozen(transport: str, times: int) -> dict[str, Any]:
    """One helper comes, is frozen, thaws, finds out and comes again."""
    losses = []
    members = Members(["recover", NETS[0], "sgd", transport], 2)
    try:
        alone = members.ask_one(0, "alone")["seconds"]
        for _ in range(times):
            at, watched = _strike(members, 1, signal.SIGSTOP, STEADY_SECONDS)
            losses += [(stall - alone) * 1000 for stall in _stalls(watched, at)]
            members.send_signal(1, signal.SIGCONT)
            members.answer(1)
    finally:
        members.close()
    return {"loss_ms": losses, "step_ms": alone * 1000, "load": os.getloadavg()[0]}


def _strike(members: Members, rank: int, number: signal.Signals, pause: float) -> tuple[float, Answer]:
    """Let a helper come, strike it after `pause`, and give when that was and what the lead saw."""
    settle = SETTLE_SECONDS[number]
    members.tell(rank, "join")
    members.tell(0, "watch", pause + settle)
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not (members.folder / f"arrival.{rank}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(pause / 2)
    at = members.send_signal(rank, number)
    watched = members.answer(0)
    (members.folder / f"arrival.{rank}").replace(members.folder / f"arrived.{rank}")
    return at, watched


def _stalls(watched: Answer, at: float) -> list[float]:
    """The longer of the two steps that ended first after this time: whoever has sent its part may still die.

    None where the group was not of two then: on a busy machine the helper may have been dropped before.
    """
    index = int(np.searchsorted(watched["ends"], at))
    if index == 0 or index + 1 >= len(watched["ends"]) or watched["sizes"][index - 1] != 2:
        return []
    first, second = watched["ends"][index : index + 2]
    return [float(max(first - at, second - first))]


def report(figures: Figures) -> str:
    """Milliseconds, and the aims."""
    rows, lines = [], []
    for key in figures.keys("recovery/"):
        name, record = key.partition("/")[2], figures[key]
        for what, values in record.items():
            if not what.endswith("_ms") or what == "step_ms" or not values:
                continue
            step = f"{record['step_ms']:.3g}" if "step_ms" in record else "–"
            numbers = [f"{number:,.3g}" for number in (np.median(values), min(values), max(values))]
            kind = "frozen" if name.endswith("frozen") else what.removesuffix("_ms")
            rows.append([f"{name}: {kind}", step, *numbers, str(len(values))])
            if (aim := AIM_MS.get(kind)) is not None:
                verdict = "reached" if np.median(values) < aim else "**missed**"
                lines.append(f"- {verdict}: {name}, {kind} {np.median(values):.3g} ms (aim {aim:g})")
    heads = ["ms", "a step alone", "median", "least", "most", "n"]
    return "\n\n".join((table(heads, rows), "\n".join(lines)))
