"""Training at one global batch: one worker and two, by the whole service, beside a ceiling and torch DDP.

The ceiling is half the batch in each of two processes that train side by side and exchange nothing. A job's
time is its `run_ms`: from its claim to its end, with all that it writes and with the helper's arrival.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.race import TOLERANCE
from benchmarks.core.workloads import OPTIMIZERS, OptimizerName, Workload
from benchmarks.group.figures import Figures
from benchmarks.group.members import Members
from benchmarks.group.memory import Memory
from benchmarks.group.nets import NETS, job
from benchmarks.group.served import run_ms_and_digest
from benchmarks.group.tables import table
from benchmarks.service import ALL_HELPERS, Service, running

SERVED = {"one worker": 1, "two workers": 2, "two over TCP": 2}
"""Through the service, with so many workers."""
BARE = ("ceiling", "torch DDP")
WAYS = (*SERVED, *BARE)
TEAMS = {"alone": ("alone", 1), "ceiling": ("alone", 2), "torch DDP": ("ddp", 2)}
"""Bare processes: what they are, and how many."""
OF_THE_CEILING = {"mlp784/sgd": 0.9, "cnn/sgd": 0.9, "transformer/sgd": 0.9}
"""Where the update is a small part; elsewhere the whole ceiling, for a group divides the update too."""
TIMES_DDP = 1.5
FIRST_STEPS = 5
NOISY = "in_proj_bias"
"""The bias of an attention's keys changes nothing: its gradient is rounding; Adam makes whole steps of it."""


def measure(figures: Figures, rounds: int, seconds: float, nets: Sequence[str] = tuple(NETS)) -> None:
    """So many jobs of about `seconds` on one worker for each net and optimizer that has no figures yet."""
    wanted = [
        (NETS[net], optimizer, f"training/{net}/{optimizer}") for net in nets for optimizer in OPTIMIZERS
    ]
    missing = [case for case in wanted if case[2] not in figures]
    if not missing:
        return
    tcp = ALL_HELPERS | {"LOCKSTEP_GROUP_TRANSPORT": "tcp"}
    with running(2, ALL_HELPERS) as service, running(2, tcp) as other:
        services = {"one worker": service, "two workers": service, "two over TCP": other}
        for net, optimizer, key in missing:
            print(f"{key} ...", file=sys.stderr, flush=True)
            figures.put(key, _race(services, net, optimizer, rounds, seconds))


def _race(
    services: Mapping[str, Service], net: Workload, optimizer: OptimizerName, rounds: int, seconds: float
) -> dict[str, Any]:
    with ExitStack() as stack:
        teams = {}
        for way, (kind, size) in TEAMS.items():
            teams[way] = Members(["train", kind, net.name, optimizer], size)
            stack.callback(teams[way].close)
        _compare(net, teams)
        step_seconds = teams["alone"].ask("burst", FIRST_STEPS)[0]["seconds"] / FIRST_STEPS
        steps = max(20, int(seconds / step_seconds))
        raw = job(net, optimizer, steps)
        rates: dict[str, list[float]] = {way: [] for way in WAYS}
        memory: dict[str, list[dict[str, float]]] = {way: [] for way in SERVED}
        digests = set()
        for _ in range(rounds):
            for way, workers in SERVED.items():
                with Memory(services[way].pid) as used:
                    took, digest = run_ms_and_digest(services[way], raw | {"workers": workers})
                rates[way].append(steps / took * 1000)
                memory[way].append(used.most)
                digests.add(digest)
            for way in BARE:
                sides = [answer["seconds"] for answer in teams[way].ask("burst", steps // 2)]
                rates[way].append(steps // 2 / float(np.mean(sides)))
        if len(digests) != 1:
            raise RuntimeError(f"{net.name}: one worker and two have different digests")
    about = {"steps": steps, "shards": raw["shards"], "load": os.getloadavg()[0]}
    return {"rates": rates, "memory": memory, "versions": teams["torch DDP"].versions} | about


def _compare(net: Workload, teams: Mapping[str, Members]) -> None:
    """Both ranks of DDP have the same weights, and they have gone the way that ours have gone."""
    weights: dict[str, list[dict[str, np.ndarray]]] = {}
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        for number, (way, team) in enumerate(teams.items()):
            path = Path(folder) / str(number)
            team.ask("check", path)
            weights[way] = [_loaded(f"{path}.{rank}") for rank in sorted(team.pids)]
    start, ours = net.weights(), weights["alone"][0]
    start = {name: value for name, value in start.items() if not name.endswith(NOISY)}
    theirs, others = weights["torch DDP"]
    if _digest(theirs) != _digest(others):
        raise RuntimeError(f"{net.name}: the two sides of DDP have different weights")
    apart = _length({key: ours[key] - theirs[key] for key in start})
    length = _length({key: ours[key] - start[key] for key in start})
    if not apart <= TOLERANCE * length:
        raise RuntimeError(f"{net.name}: expected DDP's weights, got |Δ| = {apart / length:.2g} of the way")


def _loaded(path: str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _digest(weights: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest()


def _length(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=np.float64)) for array in arrays.values())))


def report(figures: Figures) -> str:
    """Steps per second, ratios of each round, and the aims."""
    rows, lines = [], []
    for key in figures.keys("training/"):
        name, record = key.partition("/")[2], figures[key]
        rates = record["rates"]
        of_one, of_ceiling, of_ddp = (
            _ratio(rates["two workers"], rates[way]) for way in ("one worker", "ceiling", "torch DDP")
        )
        rows.append(
            [
                f"{name}, {record['shards']} shards",
                *(f"{np.median(rates[way]):,.4g} ({max(rates[way]):,.4g})" for way in WAYS),
                f"{of_one:.3g}",
                f"{_ratio(rates['two over TCP'], rates['one worker']):.3g}",
                f"{of_ceiling:.3g}",
                f"{of_ddp:.3g}",
            ]
        )
        aim = OF_THE_CEILING.get(name, 1.0)
        lines.append(_line(name, of_ceiling, aim, "the ceiling"))
        lines.append(_line(name, of_ddp, TIMES_DDP, "torch DDP"))
    heads = ["steps/s: median (best)", *WAYS, "two of one", "over TCP", "two of the ceiling", "two × DDP"]
    return "\n\n".join((table(heads, rows), _memory(figures), "\n".join(lines)))


def _memory(figures: Figures) -> str:
    rows = []
    for key in figures.keys("training/"):
        row = [key.partition("/")[2]]
        for way in SERVED:
            most = figures[key]["memory"][way]
            row.append(", ".join(f"{name} {np.median([m[name] for m in most]):,.0f}" for name in most[0]))
        rows.append(row)
    return table(["MiB of all the workers' processes", *SERVED], rows)


def _line(name: str, ratio: float, aim: float, of_what: str) -> str:
    verdict = "reached" if ratio >= aim else "**missed**"
    return f"- {verdict}: {name}, two workers {ratio:.3g} of {of_what} (aim {aim:g})"


def _ratio(rates: Sequence[float], others: Sequence[float]) -> float:
    return float(np.median(np.divide(rates, others)))
