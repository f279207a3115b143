"""One run of a campaign: a lead and its helpers in processes of their own, struck, thawed and replaced."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lockstep.core.group.terms import SECRET_BYTES, TransportChoice
from tests.chaos.group.faults import Fault, Plan
from tests.chaos.group.jobs import ChaosJob
from tests.chaos.group.judging import Account, Verdict, judge
from tests.chaos.group.members import CHECKPOINT, Part, play
from tests.chaos.group.striking import Teller

RUN_SECONDS = 120.0
LEAVING_SECONDS = 12.0
SECONDS_BEFORE_ANOTHER = 0.3
SPARE_HELPERS = 4
"""How many come at most without a fault, for those that were lost."""


@dataclass(kw_only=True)
class Child(Account):
    """A process of the run."""

    pid: int
    pipe: int
    thaws_at: float | None = None
    rest: bytes = b""
    status: int | None = None


class Run:
    """Plays a plan. Forks, so the process that does it must have one thread."""

    def __init__(self, plan: Plan, job: ChaosJob, folder: Path, seed: int) -> None:
        self._plan = plan
        self._job = job
        self._folder = folder
        self._random = Random(seed)
        self._selector = selectors.DefaultSelector()
        self._children: list[Child] = []
        self._helper_faults = list(plan.helpers) + [None] * SPARE_HELPERS
        self._due: list[float] = []  # when a helper comes
        self._attempt = 0
        self._lead: Child
        self.verdict = Verdict(plan)

    def play(self) -> Verdict:
        """To the end of the lead, or RUN_SECONDS."""
        began = time.monotonic()
        self._start_lead()
        self._due = [began + join for join in self._plan.joins]
        deadline = began + RUN_SECONDS
        while self._lead.last("done") is None and not self.verdict.wrong:
            if time.monotonic() > deadline:
                self.verdict.wrong.append(f"not done after {RUN_SECONDS:.0f} s")
                self._dump()
            self._turn()
        self._end()
        self.verdict.attempts = self._attempt
        judge(self.verdict, self._children, self._job.alone[1])
        return self.verdict

    # Processes.

    def _start_lead(self) -> None:
        self._attempt += 1
        self._secret = secrets.token_bytes(SECRET_BYTES)
        over = {(point, deed) for point, deed in self.verdict.struck}
        faults = tuple(fault for fault in self._plan.lead if (fault.point, fault.deed) not in over)
        self._lead = self._start(faults, None)

    def _start(self, faults: tuple[Fault, ...], address: tuple[str, int] | None) -> Child:
        transport: TransportChoice = self._random.choice(("auto", "tcp"))
        if self._plan.transports != "mixed":
            transport = self._plan.transports
        part = Part(self._job, self._attempt, self._secret, transport, faults, self._folder, address)
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(readable)
                status = self._be(part, writable)
            finally:
                os._exit(status)
        os.close(writable)
        os.set_blocking(readable, False)
        child = Child(is_lead=address is None, attempt=self._attempt, faults=faults, pid=pid, pipe=readable)
        self._children.append(child)
        self._selector.register(readable, selectors.EVENT_READ, child)
        return child

    def _be(self, part: Part, writable: int) -> int:
        """The child's life; returns its exit status."""
        self._selector.close()
        for child in self._children:
            if child.status is None:
                os.close(child.pipe)
        teller = Teller(writable)
        try:
            play(part, teller)
        except BaseException as error:  # told, and seen by the status
            teller.tell("failed", error="".join(traceback.format_exception(error))[-3000:])
            return 1
        return 0

    def _turn(self) -> None:
        """Wait a moment for what the children tell, and do what is due."""
        for key, _ in self._selector.select(0.01):
            self._read(key.data)
        now = time.monotonic()
        for child in self._children:
            if child.thaws_at is not None and now >= child.thaws_at:
                child.thaws_at = None
                os.kill(child.pid, signal.SIGCONT)
        leads = self._lead.last("leads")
        if leads is not None and self._lead.status is None:
            host, port = leads["address"]
            for _ in [due for due in self._due if due <= now]:
                if self._helper_faults:
                    fault = self._helper_faults.pop(0)
                    self._start((fault,) if fault is not None else (), (host, port))
            self._due = [due for due in self._due if due > now]

    def _read(self, child: Child) -> None:
        data = os.read(child.pipe, 65536)
        if not data:
            self._reap(child)
            return
        *lines, child.rest = (child.rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            child.told.append(told)
            if told["what"] == "struck":
                self.verdict.struck[told["point"], told["deed"]] += 1
                if told["deed"] == "freeze":
                    child.thaws_at = told["at"] + told["seconds"]

    def _reap(self, child: Child) -> None:
        """It has ended, or is about to."""
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        _, child.status = os.waitpid(child.pid, 0)
        if child.last("left") is None and not child.was_killed:
            failed = child.last("failed")
            why = failed["error"] if failed else f"status {child.status}"
            self.verdict.wrong.append(f"a member ended badly: {child.faults}: {why}")
        if child is not self._lead:
            self._due.append(time.monotonic() + self._random.uniform(0, SECONDS_BEFORE_ANOTHER))
        elif child.was_killed:
            self._start_lead()
            self._due = [time.monotonic() + join for join in self._plan.joins]

    def _end(self) -> None:
        """Let all end that are still there."""
        self._due, self._helper_faults = [], []
        deadline = time.monotonic() + LEAVING_SECONDS
        while any(child.status is None for child in self._children) and time.monotonic() < deadline:
            self._turn()
        late = [child for child in self._children if child.status is None]
        if late:
            self.verdict.wrong.append(f"{len(late)} processes did not end")
            self._dump()
        for child in late:
            os.kill(child.pid, signal.SIGKILL)
            self._selector.unregister(child.pipe)
            os.close(child.pipe)
            _, child.status = os.waitpid(child.pid, 0)
        self._selector.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            self.verdict.wrong.append("a process is left")
        left = sorted(set(os.listdir(self._folder)) - {CHECKPOINT, f"{CHECKPOINT}.new"})
        if left:
            self.verdict.wrong.append(f"files are left: {left}")

    def _dump(self) -> None:
        """Let each process that is there say on stderr where it is."""
        for child in self._children:
            if child.status is None:
                os.kill(child.pid, signal.SIGCONT)
                os.kill(child.pid, signal.SIGUSR1)
                time.sleep(0.1)
