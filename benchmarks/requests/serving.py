"""One API process and a bare one, on the same database server, each ended afterwards."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockstep.service.local.broker import EmbeddedBroker

START_SECONDS = 30.0
KEY = "benchmark-key"


@contextmanager
def api(database_url: str) -> Iterator[str]:
    """The address of an API process on a migrated database, with a broker of its own and no worker."""
    with tempfile.TemporaryDirectory(prefix="requests-") as folder:
        broker = EmbeddedBroker(folder=Path(folder))
        port = _free_port()
        settings = {
            "LOCKSTEP_DATABASE_URL": database_url,
            "LOCKSTEP_BROKER_URL": broker.url,
            "LOCKSTEP_API_KEY": KEY,
            "LOCKSTEP_PORT": str(port),
            "LOCKSTEP_LOG_LEVEL": "ERROR",
            "LOCKSTEP_ENV_FILE": "",
        }
        lockstep = [sys.executable, "-m", "lockstep"]
        environment = os.environ | settings
        subprocess.run([*lockstep, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        with _process(broker.command(), {}), _process([*lockstep, "api"], settings):
            yield _ready(f"http://127.0.0.1:{port}")


@contextmanager
def bare(database_url: str) -> Iterator[str]:
    """The address of the bare process."""
    port = _free_port()
    path = database_url.removeprefix("sqlite:///")
    with _process([sys.executable, "-m", "benchmarks.requests.bare", path, str(port)], {}):
        yield _ready(f"http://127.0.0.1:{port}")


@contextmanager
def _process(command: Sequence[str], settings: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def _ready(url: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310  (our own address)
                return url
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{url} did not answer within {START_SECONDS:.0f} s") from error
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
