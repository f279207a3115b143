"""What an all-reduce costs each of several members' processors, and the model that is fitted to it."""

import sys

import numpy as np

from benchmarks.core.race import Failed
from benchmarks.group.costs import MEMBERS, NETWORKS, Costs, Network, Point, fitted, sent_bytes
from benchmarks.group.figures import Figures
from benchmarks.group.members import Members
from benchmarks.group.tables import table

SIZES = {"40 KB": 10_000, "200 KB": 50_000, "1 MB": 250_000, "4 MB": 1_000_000, "16 MB": 4_000_000}
GROUPS = (2, 3, 4, 8)
NAMES = ("tcp", "gloo")
EFFICIENT = 0.8


def measure(figures: Figures, rounds: int, seconds: float) -> None:
    """Bursts of each for each size and group that has no figures yet."""
    for members in GROUPS:
        for size, width in SIZES.items():
            key = f"scaling/{members}/{size}"
            if key not in figures:
                print(f"{key} ...", file=sys.stderr, flush=True)
                figures.put(key, {"micros": _race(members, width, rounds, seconds), "bytes": 4 * width})


def _race(size: int, width: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    micros: dict[str, list[float]] = {}
    teams: dict[str, Members] = {}
    counts: dict[str, int] = {}
    try:
        for name in NAMES:
            teams[name] = Members(["reduce", name, width], size)
            checked = teams[name].ask("check", 1)
            if not all(answer["right"] for answer in checked) or len({a["digest"] for a in checked}) != 1:
                raise RuntimeError(f"{name}: expected one right sum on {size} members, got {checked}")
            took = max(answer["seconds"] for answer in teams[name].ask("burst", 3)) / 3
            counts[name] = max(3, int(seconds / took))
        for _ in range(rounds):
            for name, team in teams.items():
                answers = team.ask("burst", counts[name])
                busy = float(np.mean([answer["cpu"] for answer in answers]))
                micros.setdefault(name, []).append(busy / counts[name] * 1e6)
    except Failed as error:
        print(error, file=sys.stderr)
    finally:
        for team in teams.values():
            team.close()
    return micros


def report(figures: Figures) -> str:
    """What was measured, the constants, and what they say of groups up to 1,024."""
    keys = figures.keys("scaling/")
    rows, points = [], []
    for key in keys:
        _, members, size = key.split("/")
        record = figures[key]
        micros = record["micros"]
        rows.append(
            [
                f"{members}, {size}",
                *(
                    f"{np.median(micros[n]):,.0f} ({min(micros[n]):,.0f})" if n in micros else "–"
                    for n in NAMES
                ),
            ]
        )
        if "tcp" in micros:
            seconds = float(np.median(micros["tcp"])) / 1e6
            points.append(Point(members=int(members), size=record["bytes"], seconds=seconds))
    parts = [table(["members, bytes: µs of each processor, median (best)", *NAMES], rows)]
    if points:
        costs = fitted(points)
        parts += [_constants(costs), *(_grown(costs, network) for network in NETWORKS)]
    return "\n\n".join(parts)


def _constants(costs: Costs) -> str:
    return (
        f"Fitted: {costs.start * 1e6:.3g} µs at all, {costs.message * 1e6:.3g} µs a message, "
        f"{costs.byte * 1e9:.3g} ns a byte sent, {costs.addition * 1e9:.3g} ns a byte added; "
        f"the median of |model / measured − 1| is {costs.error:.2g}."
    )


def _grown(costs: Costs, network: Network) -> str:
    """For each size, milliseconds of the exchange, and of a step alone that is worth so many members."""
    rows = []
    for members in MEMBERS[1:]:
        row = [f"{members:,}"]
        for width in SIZES.values():
            took = costs.exchange(members, 4 * width, network)
            # compute / N + took = compute / (EFFICIENT · N)
            needed = took * members * EFFICIENT / (1 - EFFICIENT)
            row.append(f"{took * 1e3:,.3g} ({needed * 1e3:,.3g})")
        row.append(f"{sent_bytes(members, 1):.3g}")
        rows.append(row)
    head = f"{network.name}: ms (a member's own step for {EFFICIENT:.0%} of N times its speed)"
    return table([head, *SIZES, "bytes sent a byte"], rows)
