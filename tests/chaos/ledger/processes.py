"""The processes of a service: real ones, ended by their ids, started again when they are gone.

They are started from the main thread alone: the kernel ends them with the thread that started them.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis

from lockstep.service.local.broker import EmbeddedBroker
from lockstep.service.local.commands import module_command, worker_command
from lockstep.service.settings import ENV_FILE_VARIABLE
from tests.databases import die_with_parent
from tests.local_service import descendants_of

END_SECONDS = 15.0
CHILD = "pool child"
SHORT: Mapping[str, object] = {
    "lease_seconds": 2.0,
    "renew_seconds": 0.4,
    "poll_seconds": 0.4,
    "reconcile_seconds": 0.4,
    "checkpoint_seconds": 0.3,
    "step_timeout_seconds": 1.5,
    "group_helpers": "all",
    "turn_seconds": 3.0,
    "host_rest_seconds": 1.0,
}
"""Settings with which a minute holds what else takes an hour."""


@dataclass(kw_only=True)
class Process:
    """A process that may be started many times; its output goes on in one file."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log_path: Path
    inherit: tuple[int, ...] = ()
    popen: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it in a session of its own."""
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self.inherit,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )
        self.starts += 1

    @property
    def pid(self) -> int | None:
        """Its id while it lives."""
        return self.popen.pid if self.popen is not None and self.popen.poll() is None else None

    def send(self, number: int) -> None:
        """A signal to it alone, if it lives."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it and what is left of its session, frozen or not."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(END_SECONDS)

    def stop(self) -> int | None:
        """SIGTERM; its exit status, None where it did not end in time and was killed."""
        self.send(signal.SIGTERM)
        try:
            return None if self.popen is None else self.popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.end()

    def child(self) -> int | None:
        """The id of its pool child."""
        if self.pid is None:
            return None
        below = descendants_of(self.pid)
        return next((pid for pid, command in below.items() if CHILD in command), None)


@dataclass(kw_only=True)
class ServiceUnderTest:
    """A broker, API processes on one socket, and workers. `folder` is short: the broker's socket is in it."""

    database_url: str
    folder: Path
    key: str
    url: str
    listener: socket.socket
    broker: Process
    broker_url: str
    apis: list[Process]
    workers: list[Process]
    away_until: dict[str, float] = field(default_factory=dict)

    @property
    def processes(self) -> list[Process]:
        """All of them, the broker first."""
        return [self.broker, *self.apis, *self.workers]

    def tend(self) -> list[str]:
        """Start what is gone, unless it is to be away for a while; returns the names of what was started."""
        started = []
        for process in self.processes:
            if process.pid is None and time.monotonic() >= self.away_until.get(process.name, 0.0):
                process.end()
                if process is self.broker:
                    self.socket_path.unlink(missing_ok=True)
                process.start()
                started.append(process.name)
        return started

    @property
    def socket_path(self) -> Path:
        """Where the broker listens."""
        return EmbeddedBroker(folder=self.folder).socket_path

    def broker_client(self) -> "redis.Redis":
        """A client of the broker that waits a second at most."""
        return redis.Redis(unix_socket_path=str(self.socket_path), socket_timeout=1.0)

    def close(self) -> list[str]:
        """End everything; returns the names of those that did not end by themselves."""
        late = [process.name for process in [*self.apis, *self.workers] if _is_late(process)]
        self.broker.end()
        self.listener.close()
        return late

    def kill(self) -> None:
        """End everything at once, whatever state it is in."""
        for process in self.processes:
            process.end()
        self.listener.close()


def make_service(database_url: str, folder: Path, logs: Path, *, apis: int, workers: int) -> ServiceUnderTest:
    """A service whose processes are not started yet."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    broker = EmbeddedBroker(folder=folder)
    key = "lk_" + secrets.token_urlsafe(24)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("LOCKSTEP_")}
    environment |= {f"LOCKSTEP_{name.upper()}": str(value) for name, value in SHORT.items()}
    environment |= {
        ENV_FILE_VARIABLE: "",
        "LOCKSTEP_DATABASE_URL": database_url,
        "LOCKSTEP_BROKER_URL": broker.url,
        "LOCKSTEP_API_KEY": key,
    }

    def process(name: str, command: list[str], *inherit: int) -> Process:
        log = logs / f"{name}.log"
        return Process(name=name, command=command, environment=environment, log_path=log, inherit=inherit)

    descriptor = listener.fileno()
    serve = module_command("lockstep.service.local.serve", str(descriptor))
    return ServiceUnderTest(
        database_url=database_url,
        folder=folder,
        key=key,
        url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        listener=listener,
        broker=process("broker", broker.command()),
        broker_url=broker.url,
        apis=[process(f"api-{number}", serve, descriptor) for number in range(1, apis + 1)],
        workers=[process(f"worker-{number}", worker_command()) for number in range(1, workers + 1)],
    )


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder of a short path, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(condition: Callable[[], object], seconds: float, every_seconds: float = 0.002) -> bool:
    """Wait for a condition; False where it does not come about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_seconds)
    return True


def _is_late(process: Process) -> bool:
    is_there = process.pid is not None
    return process.stop() is None and is_there
