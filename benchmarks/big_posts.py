"""How long others wait while ten POSTs of 28 MiB are in flight, and what memory the API takes meanwhile.

python -m benchmarks.big_posts; on loopback, a service of its own, at most MAX_SECONDS.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.service import running
from lockstep.service.examples import example

BIG_POSTS = 10
BIG_BYTES = 28 * 2**20
MAX_SECONDS = 240.0
PAUSE_SECONDS = 0.02
SMALL = example("line") | {"epochs": 1}


def main() -> None:
    """Measure and print."""
    bodies = [_big(number) for number in range(BIG_POSTS)]
    with running(workers=0) as service:
        key = (service.data_dir / "api-key").read_text().strip()
        url = (service.data_dir / "url").read_text().strip()
        others = {"small POST": ("POST", "/v1/jobs"), "/healthz": ("GET", "/healthz")}
        with httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=MAX_SECONDS
        ) as http:
            _timed(http, *others["small POST"])
            over = threading.Event()
            with ThreadPoolExecutor(BIG_POSTS + len(others) + 1) as pool:
                peak = pool.submit(_peak_bytes, service.pid, over)
                times = {name: pool.submit(_times, http, call, over) for name, call in others.items()}
                began = time.monotonic()
                posts = [pool.submit(_post, http, body) for body in bodies]
                statuses = [post.result() for post in posts]
                seconds = time.monotonic() - began
                over.set()
            print(f"{BIG_POSTS} POSTs of {BIG_BYTES / 2**20:.0f} MiB: {seconds:.1f} s, answers {statuses}")
            for name, found in times.items():
                measured = np.array(found.result()) * 1e3
                middle, high = np.percentile(measured, (50, 99))
                print(
                    f"{name}: {len(measured)} times, median {middle:.1f} ms, "
                    f"99th percentile {high:.1f} ms, most {measured.max():.1f} ms"
                )
            for name, size in peak.result().items():
                print(f"peak resident memory of {name}: {size / 2**20:.0f} MiB")


def _big(number: int) -> bytes:
    """A training whose inline data make it as long as BIG_BYTES, other data for each number."""
    rows = BIG_BYTES // 40
    values = np.random.default_rng(number).normal(size=(2, rows)).tolist()
    data = {"inline": {"x": values[0], "y": values[1]}}
    body = json.dumps(SMALL | {"data": data}).encode()
    return body[:-1] + b" " * max(0, BIG_BYTES - len(body)) + b"}"


def _post(http: httpx2.Client, body: bytes) -> int:
    headers = {"Content-Type": "application/json"}
    return http.post("/v1/jobs", content=body, headers=headers).status_code


def _timed(http: httpx2.Client, method: str, path: str) -> float:
    began = time.perf_counter()
    http.request(method, path, json=SMALL if method == "POST" else None).raise_for_status()
    return time.perf_counter() - began


def _times(http: httpx2.Client, call: tuple[str, str], over: threading.Event) -> list[float]:
    found = []
    deadline = time.monotonic() + MAX_SECONDS
    while not over.wait(PAUSE_SECONDS) and time.monotonic() < deadline:
        found.append(_timed(http, *call))
    return found


def _peak_bytes(supervisor: int, over: threading.Event) -> dict[str, int]:
    """The most that the API's process and those below it held at a time."""
    peaks: dict[str, int] = {}
    deadline = time.monotonic() + MAX_SECONDS
    while not over.wait(PAUSE_SECONDS) and time.monotonic() < deadline:
        for name, pid in _processes(supervisor):
            peaks[name] = max(peaks.get(name, 0), _resident_bytes(pid))
    return peaks


def _processes(supervisor: int) -> list[tuple[str, int]]:
    """The supervisor's children with Python in them, and theirs."""
    found = []
    for child in _children(supervisor):
        if "python" in _command(child):
            found.append((f"the child {_short(child)}", child))
            found += [("its process for large bodies", below) for below in _children(child)]
    return found


def _short(pid: int) -> str:
    return " ".join(_command(pid).split("\0")[1:6]).strip()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


if __name__ == "__main__":
    main()
