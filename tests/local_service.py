"""A real `lockstep up` in a directory of the test's own, and what lives below it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockstep.service.client import Client
from tests.databases import die_with_parent
from tests.service.contract import hold

ROOT = Path(__file__).parent.parent
START_SECONDS = 40.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class LocalService:
    """A running `lockstep up`."""

    process: subprocess.Popen[str]
    directory: Path
    url: str
    client: Client

    def descendants(self) -> dict[int, str]:
        """Every living process below the supervisor: its id and its command line."""
        return descendants_of(self.process.pid)

    def pids(self, part: str) -> list[int]:
        """The descendants whose command line contains `part`."""
        return [pid for pid, command in self.descendants().items() if part in command]


def command(*arguments: str) -> list[str]:
    """`lockstep` with arguments, by this interpreter."""
    return [sys.executable, "-m", "lockstep", *arguments]


def installed(*arguments: str) -> list[str]:
    """`lockstep` with arguments, as a user starts it from any folder."""
    return [str(Path(sys.executable).with_name("lockstep")), *arguments]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where `lockstep up` is started: the data directory is named as seen from the working folder."""

    cwd: Path = ROOT
    environment: Mapping[str, str] | None = None
    prefix: tuple[str, ...] = ()


@contextmanager
def local_service(directory: Path, *, workers: int = 2, place: Place | None = None) -> Iterator[LocalService]:
    """Run `lockstep up` on a free port until the block ends."""
    arguments = ("up", "--port", "0", "--workers", str(workers), "--data-dir", str(directory))
    line = command(*arguments) if place is None else [*place.prefix, *installed(*arguments)]
    place = place or Place()
    directory = place.cwd / directory
    (directory / "url").unlink(missing_ok=True)  # of a service that was killed
    process = subprocess.Popen(
        line,
        cwd=place.cwd,
        env={**os.environ, **(place.environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=partial(die_with_parent, signal.SIGTERM),
    )
    try:
        wait_until(lambda: (directory / "url").exists() or process.poll() is not None, START_SECONDS)
        if process.poll() is not None:
            raise AssertionError(f"lockstep up ended:\n{process.stdout.read() if process.stdout else ''}")
        url, key = (directory / "url").read_text().strip(), (directory / "api-key").read_text().strip()
        with Client(url, key) as client:
            hold(client)
            yield LocalService(process=process, directory=directory, url=url, client=client)
    finally:
        stop(process)


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    """Send a signal and wait for the end; raises TimeoutExpired where it does not come in time."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        time.sleep(0.02)


def descendants_of(pid: int) -> dict[int, str]:
    """Living processes below `pid`, from /proc: id and command line. Linux only."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            text = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # ended meanwhile
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)
            commands[int(folder.name)] = text
    found: set[int] = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return {child: commands[child] for child in found - {pid}}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    """kill -9."""
    os.kill(pid, signal.SIGKILL)
