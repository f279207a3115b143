"""Tells a story again and again; each time something fails one reach later, until it is told untouched."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

import lockstep.worker.lease
import lockstep.worker.pace
import lockstep.worker.reporter
import lockstep.worker.team
from lockstep.core.ground.failpoints import Failpoint
from lockstep.service import points as of_service
from lockstep.service.settings import Settings
from lockstep.service.store import points as of_store
from lockstep.service.store.database import Database
from lockstep.worker import points as of_worker
from tests.chaos.points.stories import STORIES, awake
from tests.chaos.points.striking import EXIT_STATUS, Deed, Strike
from tests.worker.bench import Bench

ROOT = Path(__file__).parents[3]
CHILD_SECONDS = 60.0
POINTS = tuple(
    point.name
    for module in (of_store, of_service, of_worker)
    for point in vars(module).values()
    if isinstance(point, Failpoint)
)


@dataclass
class Told:
    """What came of it: how often each point was struck, by the deed; and what was not as it must be."""

    struck: Counter[tuple[str, Deed]] = field(default_factory=Counter)
    stories: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def every_step_is_reported() -> Iterator[None]:
    """Within it an attempt reports and saves at each step, and asks a database that failed again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep.worker.team, "STRIDE_SECONDS", 0.0)
        patch.setattr(lockstep.worker.pace, "MAX_CHECKPOINT_SHARE", float("inf"))
        patch.setattr(lockstep.worker.pace, "CHECKPOINT_SHARE", float("inf"))
        patch.setattr(lockstep.worker.reporter, "REPORT_SECONDS", 0.0)
        patch.setattr(lockstep.worker.lease, "RETRY_SECONDS", 0.0)
        yield


class Campaign:
    """Tells stories to one database; `told` counts."""

    def __init__(self, bench: Bench, url: str) -> None:
        self._bench = bench
        self._url = url
        self._calm: dict[str, Mapping[str, object]] = {}
        self._reached: dict[str, Counter[str]] = {}
        self.told = Told()

    def reached(self, name: str) -> Counter[str]:
        """How often a story that is told untouched reaches each point."""
        if name not in self._reached:
            job_id = STORIES[name].begin(self._bench)
            with Strike("", 0, "die") as strike:
                STORIES[name].tell(self._bench, job_id)
            self._calm[name] = STORIES[name].end(self._bench, job_id)
            self._reached[name] = strike.reached
        return self._reached[name]

    def exhaust(self, name: str, point: str, deed: Deed) -> None:
        """Strike the point at its first, second, … reach, until a story is told untouched."""
        self.reached(name)
        for number in count(1):
            if not self.tell(name, point, number, deed):
                return

    def sample(self, name: str, point: str, deed: Deed) -> None:
        """Strike the point at its first and at its last reach."""
        for number in sorted({1, self.reached(name)[point]}):
            self.tell(name, point, number, deed)

    def tell(self, name: str, point: str, number: int, deed: Deed) -> bool:
        """Tell the story once; False for untouched."""
        story, where = STORIES[name], f"{name}: {deed} at reach {number} of {point!r}"
        self.told.stories += 1
        job_id = story.begin(self._bench)
        awake(self._bench)
        try:
            if deed == "exit":
                struck = self._tell_in_a_child(name, job_id, point, number)
            else:
                with Strike(point, number, deed) as strike:
                    story.tell(self._bench, job_id)
                struck = strike.struck
            end = story.end(self._bench, job_id)
        except Exception as error:
            self.told.wrong.append(f"{where}: {error!r}")
            raise
        self.told.struck[point, deed] += struck
        calm = self._calm[name]
        parts = [part for part in calm if end[part] != calm[part]]
        self.told.wrong += [f"{where}: {part} is {end[part]}, expected {calm[part]}"[:300] for part in parts]
        return struck

    def _tell_in_a_child(self, name: str, job_id: str, point: str, number: int) -> bool:
        """The story is begun in a process that is gone at the point, and told to its end in this one."""
        told = json.dumps({"url": self._url, "story": name, "job": job_id, "point": point, "number": number})
        command = [sys.executable, "-m", "tests.chaos.points", "--child", told]
        child = subprocess.run(command, cwd=ROOT, timeout=CHILD_SECONDS, check=False)
        if child.returncode not in (0, EXIT_STATUS):
            raise ChildProcessError(f"the process that tells it ended with {child.returncode}")
        STORIES[name].tell(self._bench, job_id)
        return child.returncode == EXIT_STATUS


def bench_at(url: str) -> Bench:
    """A worker without processes at a database. Its leases are not renewed while a story is told."""
    return Bench(database=Database(url), settings=Settings(database_url=url, renew_seconds=4.0))


def tell_as_a_child(told: str) -> None:
    """Tell a story in a process that is gone at a point."""
    part = json.loads(told)
    bench = bench_at(part["url"])
    with every_step_is_reported(), Strike(part["point"], part["number"], "exit"):
        STORIES[part["story"]].tell(bench, part["job"])
    bench.database.dispose()
