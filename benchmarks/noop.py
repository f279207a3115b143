"""The peer of benchmarks/latency.py: a Celery task that does nothing, on a worker and a broker of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from celery import Celery
from kombu import Queue

from lockstep.service.local.broker import EmbeddedBroker

START_SECONDS = 30.0

app = Celery("noop", broker=os.environ.get("NOOP_BROKER_URL"))
app.conf.update(
    task_ignore_result=True,
    task_queues=[Queue("noop")],
    task_default_queue="noop",
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    worker_pool_start_method="spawn",
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="noop")
def noop(socket_path: str, key: str) -> None:
    """Say that it ran."""
    redis.Redis(unix_socket_path=socket_path).lpush(key, 1)


class NoopQueue:
    """A client of the worker."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._path = str(broker.socket_path)
        self._redis = redis.Redis(unix_socket_path=self._path)
        app.conf.update(broker_url=broker.url)

    def round_trip_ms(self) -> float:
        """From sending a task until it is known to have run."""
        start = time.perf_counter()
        noop.apply_async((self._path, "done"))
        if self._redis.blpop(["done"], timeout=START_SECONDS) is None:
            raise RuntimeError(f"the no-op worker has not answered for {START_SECONDS:.0f} s")
        return (time.perf_counter() - start) * 1000


@contextmanager
def noop_queue() -> Iterator[NoopQueue]:
    """Start broker and worker, warm them up, and end them afterwards."""
    with tempfile.TemporaryDirectory(prefix="noop-") as folder:
        broker = EmbeddedBroker(folder=Path(folder))
        environment = {**os.environ, "NOOP_BROKER_URL": broker.url}
        worker = [sys.executable, "-m", "celery", "-A", "benchmarks.noop", "worker", "-l", "ERROR"]
        processes = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for command in (broker.command(), worker)
        ]
        try:
            while not broker.socket_path.exists():
                time.sleep(0.05)
            queue = NoopQueue(broker)
            for _ in range(5):
                queue.round_trip_ms()
            yield queue
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
                process.wait(20)
