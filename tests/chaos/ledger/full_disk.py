"""python -m tests.chaos.ledger.full_disk: a checkpoint is saved with ever more room on the disk.

A SQLite file lies on a small file system in memory, which a ballast fills up to some bytes just before an
attempt saves its first checkpoints. Wherever in the transaction the room ends, the job goes on from what was
there before, and comes to the same bits. Mounting takes root.
"""

import argparse
import contextlib
import logging
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import migrate
from lockstep.worker.attempt import lead_job
from tests.chaos.ledger.collecting import joined_sha256
from tests.chaos.ledger.one_thread import require_one_thread
from tests.chaos.ledger.specs import Expected, computed
from tests.full_disks import small_disk
from tests.worker.bench import Bench, never

DISK_BYTES = 20 * 2**20
SPAN_BYTES = 700 * 1024
"""More than two checkpoints and the history up to them take in the write-ahead log."""
WAIT_SECONDS = 1.0
"""Longer than a holder tries, shorter than it would take to evict it."""
MOST_ATTEMPTS = 4
SPEC: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 256},
            {"type": "relu"},
            {"type": "linear", "in": 256, "out": 10},
        ]
    },
    "data": {"builtin": "digits", "test_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "epochs": 3,
    "batch_size": 128,
    "seed": 5,
}
_CHECKPOINTS = "SELECT job_id, step, sha256 FROM checkpoints"
_PARTS = "SELECT data FROM checkpoint_parts WHERE job_id = ? AND step = ? ORDER BY part"


def fill_at_a_checkpoint(folder: Path, migrated: Path, room_bytes: int) -> str:
    """Let a job save its checkpoints with so much room; returns how that attempt ended.

    `folder` is the small disk's. Raises AssertionError where anything is lost, or other than it would be.
    """
    path = folder / "lockstep.db"
    shutil.copyfile(migrated, path)
    url = f"sqlite:///{path}"
    database = Database(url)
    bench = Bench(
        database=database, settings=Settings(database_url=url, lease_seconds=1.0, renew_seconds=0.3)
    )
    try:
        job_id = bench.submit(SPEC)
        bench.claim()
        # The attempt after an eviction saves at once.
        bench.evict()
        with _ballast(folder, room_bytes) as (fill, timer):
            lead_job(bench.claim(), bench.tools(), fill)
            timer.join()
        ended = bench.job(job_id).status
        attempts = 0
        while not bench.job(job_id).is_terminal:
            attempts += 1
            assert attempts < MOST_ATTEMPTS, f"with {room_bytes} bytes the job does not end"
            if bench.job(job_id).status == "running":
                bench.evict()
            bench.lead()
        _require_whole(path, bench, job_id)
        return ended
    finally:
        database.dispose()
        for each in folder.iterdir():
            each.unlink()


@contextlib.contextmanager
def _ballast(folder: Path, room_bytes: int) -> Iterator[tuple[Callable[[], bool], threading.Timer]]:
    """What fills the disk when it is first called, and who takes that away again."""
    file = folder / "ballast"
    timer = threading.Timer(WAIT_SECONDS, lambda: file.unlink(missing_ok=True))

    def fill() -> bool:
        if timer.ident is None:
            timer.start()
            free = shutil.disk_usage(folder).free
            file.write_bytes(bytes(max(0, free - room_bytes)))
        return never()

    try:
        yield fill, timer
    finally:
        file.unlink(missing_ok=True)


@cache
def _wanted() -> Expected:
    return computed(SPEC)


def _require_whole(path: Path, bench: Bench, job_id: str) -> None:
    job = bench.job(job_id)
    wanted = _wanted()
    assert job.status == "succeeded", job
    assert job.result is not None
    assert job.result["weights_sha256"] == wanted.digest
    assert bench.history(job_id)["loss"].values.tobytes() == wanted.points
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for job, step, sha256 in connection.execute(_CHECKPOINTS).fetchall():
            parts = [{"data": data} for (data,) in connection.execute(_PARTS, (job, step))]
            assert joined_sha256(parts) == sha256


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.ledger.full_disk")
    parser.add_argument("--sizes", type=int, default=300, help="how many rooms are tried, from none upwards")
    options = parser.parse_args(arguments)
    logging.disable()  # each room would be told of twice
    ended: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos-disk-") as mount, tempfile.TemporaryDirectory() as other:
        migrated = Path(other) / "migrated.db"
        migrate(f"sqlite:///{migrated}")
        with small_disk(Path(mount), DISK_BYTES) as folder:
            for number in range(options.sizes):
                ended[fill_at_a_checkpoint(folder, migrated, number * SPAN_BYTES // options.sizes)] += 1
    sys.stdout.write(f"{options.sizes} sizes: the attempt left the job {dict(ended)}; lost 0, other bits 0\n")
    return 0


if __name__ == "__main__":
    require_one_thread("tests.chaos.ledger.full_disk")
    sys.exit(main(sys.argv[1:]))
