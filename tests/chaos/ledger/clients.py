"""Those who use the service while it breaks: they submit once or more, look, and change their minds."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.ledger.calls import Ask, Caller, Got, Place
from tests.chaos.ledger.plain_sql import UNREACHABLE
from tests.chaos.ledger.specs import LONG, SPECS

CREATED = 201
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.3
SPARED = 0.35
"""The part of the jobs that no verb touches: their digests are what a campaign is for."""
Life = Callable[[Caller, Random], None]
"""What one of them does until it is told to stop."""
_UNFINISHED = "SELECT count(*) AS count FROM jobs WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many ask, and what for. `most`: so many jobs may be unfinished. `long_share`: of those in LONG.

    `verbs` are the acts on jobs that are drawn from, alike.
    """

    submitters: int = 2
    most: int = 8
    long_share: float = 0.6
    verbs: tuple[str, ...] = ("cancel",)
    verb_pause_seconds: float = 1.5


class Clients:
    """Threads that ask until they are told to stop."""

    def __init__(self, place: Place, crowd: Crowd, random: Random) -> None:
        self._place = place
        self._crowd = crowd
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._jobs: list[str] = []
        self._sent: list[Ask] = []
        self._count = 0
        bodies = [self._submit] * crowd.submitters + [self._change_minds, self._look, self._repeat]
        self._threads = [
            threading.Thread(target=self._live, args=(body, number, random.getrandbits(32)), daemon=True)
            for number, body in enumerate(bodies)
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> bool:
        """Ask nothing new; False where somebody still waits for an answer after so many seconds."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def known(self) -> list[str]:
        """The ids of the jobs that were accepted."""
        with self._lock:
            return list(self._jobs)

    def _live(self, body: Life, number: int, seed: int) -> None:
        caller = self._place.caller(f"client-{number}")
        try:
            body(caller, Random(seed))
        finally:
            caller.close()

    # Submitting.

    def _submit(self, caller: Caller, random: Random) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            if self._unfinished() >= self._crowd.most:
                continue
            long = random.random() < self._crowd.long_share
            spec = random.choice([name for name in SPECS if (name in LONG) == long])
            with self._lock:
                self._count += 1
                key = f"{self._place.name}-{self._count}"
            self._submit_one(caller, random, spec, key)

    def _submit_one(self, caller: Caller, random: Random, spec: str, key: str) -> None:
        """POST until it is answered, now and then with too little patience, twice at once, or once more."""
        body = {**SPECS[spec], "name": spec}
        way = random.random()
        if way < 0.15:
            caller.ask(_create(spec, key, body, seconds=random.uniform(0.001, 0.05)))
        elif way < 0.3:
            self._at_the_same_time(spec, key, body)
        got = self._until_accepted(caller, _create(spec, key, body))
        if got is None or got.job is None:
            return
        with self._lock:
            self._jobs.append(got.job)
            self._sent.append(_create(spec, key, body))
        if way > 0.7:
            caller.ask(_create(spec, key, body))
        if way > 0.95:
            caller.ask(_create(spec, key, {**body, "name": "another"}, act="reuse"))

    def _until_accepted(self, caller: Caller, ask: Ask) -> Got | None:
        while True:
            got = caller.ask(ask)
            in_flight = got.status in (409, 429) and got.answer.get("code") != "job_deleted"
            if got.status is not None and got.status < 500 and not in_flight:
                return got
            if self._stop.wait(RETRY_SECONDS):
                return None

    def _at_the_same_time(self, spec: str, key: str, body: dict[str, object]) -> None:
        """Two others send the same, beside what their caller sends."""

        def send(name: str) -> None:
            caller = self._place.caller(name)
            try:
                caller.ask(_create(spec, key, body))
            finally:
                caller.close()

        for number in range(2):
            threading.Thread(target=send, args=(f"copy-{number}",), daemon=True).start()

    # Verbs and looks.

    def _change_minds(self, caller: Caller, random: Random) -> None:
        while self._crowd.verbs and not self._stop.wait(
            random.uniform(0.3, 1.7) * self._crowd.verb_pause_seconds
        ):
            jobs = [job for job in self.known()[-12:] if not _is_spared(job)]
            if jobs:
                got = caller.ask(verb(random.choice(self._crowd.verbs), random.choice(jobs), random))
                if got.status == CREATED and got.job is not None:
                    with self._lock:
                        self._jobs.append(got.job)

    def _look(self, caller: Caller, random: Random) -> None:
        while not self._stop.wait(random.uniform(0.1, 0.6)):
            jobs = self.known()[-20:]
            if jobs and random.random() < 0.85:
                caller.ask(look(random.choice(jobs)))
            else:
                caller.ask(Ask(act="list", method="GET", path="/v1/jobs?limit=20"))

    def _repeat(self, caller: Caller, random: Random) -> None:
        """Send again what was accepted long ago, or a moment."""
        while not self._stop.wait(random.uniform(0.02, 0.3)):
            with self._lock:
                sent = random.choice(self._sent[-30:]) if self._sent else None
            if sent is not None:
                caller.ask(sent)

    def _unfinished(self) -> int:
        try:
            return int(self._place.database.rows(_UNFINISHED)[0]["count"])
        except UNREACHABLE:
            return self._crowd.most


def look(job: str) -> Ask:
    """GET a job."""
    return Ask(act="get", method="GET", path=f"/v1/jobs/{job}", job=job)


def verb(act: str, job: str, random: Random) -> Ask:
    """An act on a job."""
    match act:
        case "delete":
            return Ask(act=act, method="DELETE", path=f"/v1/jobs/{job}", job=job)
        case "patch":
            body = {"priority": random.randint(-5, 5)}
            return Ask(act=act, method="PATCH", path=f"/v1/jobs/{job}", job=job, body=body)
        case "clone":
            key = f"clone-{random.getrandbits(64):x}"
            return Ask(act=act, method="POST", path=f"/v1/jobs/{job}/clone", job=job, body={}, key=key)
        case _:
            return Ask(act=act, method="POST", path=f"/v1/jobs/{job}/{act}", job=job)


def _create(
    spec: str, key: str, body: dict[str, object], *, act: str = "create", seconds: float = 15.0
) -> Ask:
    return Ask(act=act, method="POST", path="/v1/jobs", body=body, key=key, spec=spec, seconds=seconds)


def _is_spared(job: str) -> bool:
    return (hash_of(job) % 100) < 100 * SPARED


def hash_of(text: str) -> int:
    """A number that follows from the text alone, in whatever process."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(reversed(text)))
