"""Each side of a lifeline learns at once of the other's death; real processes, since only those can die."""

import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.worker.lifeline import ChildWatch

CHILD = """
import sys, threading
from pathlib import Path
from lockstep.worker.lifeline import Lifeline
line = Lifeline(Path(sys.argv[1]), lambda: print("drained", flush=True))
print("up", flush=True)
line.start()
threading.Event().wait(30)
"""


@pytest.fixture
def deaths() -> queue.Queue[tuple[int, float]]:
    return queue.Queue()


@pytest.fixture
def watch(tmp_path: Path, deaths: queue.Queue[tuple[int, float]]) -> Iterator[ChildWatch]:
    watch = ChildWatch(tmp_path, lambda pid: deaths.put((pid, time.monotonic())))
    watch.start()
    yield watch
    watch.close()


def start_child(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert said(child) == "up"
    return child


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait(10)
    assert child.stdout is not None
    child.stdout.close()


def test_a_killed_child_is_noticed_at_once(watch: ChildWatch, deaths: queue.Queue[tuple[int, float]]) -> None:
    child = start_child(watch.path)
    try:
        child.kill()
        pid, _ = deaths.get(timeout=5)
    finally:
        end(child)

    assert pid == child.pid


def test_children_are_told_to_drain_later_ones_too(watch: ChildWatch) -> None:
    early = start_child(watch.path)
    try:
        watch.drain()
        assert said(early) == "drained"
        late = start_child(watch.path)
        try:
            assert said(late) == "drained"
        finally:
            end(late)
    finally:
        end(early)


def test_a_failing_eviction_does_not_end_the_watch(
    tmp_path: Path, deaths: queue.Queue[tuple[int, float]]
) -> None:
    def fail_once(pid: int) -> None:
        if deaths.empty():
            deaths.put((pid, 0.0))
            raise RuntimeError("the store is away")
        deaths.put((pid, 1.0))

    watch = ChildWatch(tmp_path, fail_once)
    watch.start()
    try:
        for _ in range(2):
            end(start_child(watch.path))
        deadline = time.monotonic() + 5
        while deaths.qsize() < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        watch.close()

    assert deaths.qsize() == 2


def test_a_child_leaves_when_the_main_process_is_gone(tmp_path: Path) -> None:
    parent_code = (
        "import sys, threading\nfrom pathlib import Path\nfrom lockstep.worker.lifeline import ChildWatch\n"
        "watch = ChildWatch(Path(sys.argv[1]), lambda pid: None)\nwatch.start()\n"
        "print(watch.path, flush=True)\nthreading.Event().wait(30)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    child = start_child(Path(said(parent)))
    try:
        parent.send_signal(signal.SIGKILL)
        assert child.wait(5) == 1
    finally:
        end(parent)
        end(child)
