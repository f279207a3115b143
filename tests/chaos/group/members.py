"""The lead and the helpers of a campaign: each runs in a process of its own, and tells how it went."""

import faulthandler
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep.core.group import LeadLost, Released
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.terms import GroupIdentity, GroupTerms, Timeouts, TransportChoice
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.training import Training
from tests.chaos.group.faults import MOST_MEMBERS, Fault
from tests.chaos.group.jobs import ChaosJob, mark
from tests.chaos.group.striking import Striker, Teller

TIMEOUTS = Timeouts(handshake_seconds=2.0, step_seconds=2.0, lead_seconds=8.0, close_seconds=1.0)
STEPS_BETWEEN_CHECKPOINTS = 4
SECONDS_ALONE = 0.01
"""How long a lead that is alone pauses between steps: else it would be done before anybody comes."""
MOST_SECONDS_ALONE = 4.0
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Part:
    """What a member is to do. `address` is the lead's; None for the lead itself. `folder` is the lead's."""

    job: ChaosJob
    attempt: int
    secret: bytes
    transport: TransportChoice
    faults: tuple[Fault, ...]
    folder: Path
    address: tuple[str, int] | None = None

    @property
    def terms(self) -> GroupTerms:
        """What the member brings along."""
        identity = GroupIdentity(
            job_id="job_chaos",
            attempt=self.attempt,
            secret=self.secret,
            fingerprint="f",
            spec_sha256=self.job.name,
        )
        return GroupTerms(
            identity=identity,
            timeouts=TIMEOUTS,
            listen_host="127.0.0.1",
            worker_id=f"worker_{os.getpid()}",
            host=socket.gethostname(),
            transport=self.transport,
        )


class Wrong(Exception):
    """A member has learned something else than a training that is alone."""


def play(part: Part, teller: Teller) -> None:
    """Do it, in this process, and tell what is left of it."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    striker = Striker(part.faults, teller, seed=os.getpid())
    descriptors = _descriptors()
    if part.address is None:
        _lead(part, teller)
    else:
        _help(part, part.address, teller)
    gc.collect()
    teller.tell("reached", points=striker.reached)
    teller.tell(
        "left",
        descriptors=sorted(set(_descriptors().values()) - set(descriptors.values())),
        more_descriptors=len(_descriptors()) - len(descriptors),
        segments=Path("/proc/self/maps").read_text().count("memfd:lockstep"),
        threads=threading.active_count() - 1,
    )


def _lead(part: Part, teller: Teller) -> None:
    def on_event(kind: str, data: Mapping[str, str | int]) -> None:
        teller.tell(kind, **data)

    group = GroupLead(part.terms, MOST_MEMBERS - 1, on_event)
    try:
        saved = part.folder / CHECKPOINT
        checkpoint = Checkpoint.from_bytes(saved.read_bytes()) if saved.exists() else None
        training = part.job.training(group, checkpoint)
        teller.tell("leads", address=group.address, step=training.step)
        alone_until = time.monotonic() + MOST_SECONDS_ALONE
        while not training.finished:
            _advance(part.job, training)
            teller.tell("step", step=training.step, world_size=group.world_size)
            if training.step % STEPS_BETWEEN_CHECKPOINTS == 0:
                _save(training, saved)
            if group.world_size == 1 and time.monotonic() < alone_until:
                time.sleep(SECONDS_ALONE)
        digest = training.outcome().weights_sha256
        teller.tell("done", digest=digest, refused=dict(group.refusals.counts()))
    finally:
        group.close("done")


def _save(training: Training, path: Path) -> None:
    path.with_suffix(".new").write_bytes(training.checkpoint().to_bytes())
    path.with_suffix(".new").replace(path)


def _help(part: Part, address: tuple[str, int], teller: Teller) -> None:
    try:
        group = GroupHelper.join(part.terms, address)
    except (Released, LeadLost) as error:
        teller.tell("not_let_in", reason=str(error))
        return
    reason = "it failed"
    try:
        training = part.job.training(group, Checkpoint.from_bytes(group.state))
        teller.tell("helps", step=training.step)
        while not training.finished:
            _advance(part.job, training)
        reason = "done"
    except (Released, LeadLost) as error:
        reason = str(error)
    finally:
        group.close(reason)
    teller.tell("helped", reason=reason, refused=dict(group.refusals.counts()))


def _advance(job: ChaosJob, training: Training) -> None:
    """One step, whose result is looked at on each member."""
    step = training.step
    report = training.advance(1)
    if report.failure is not None:
        raise Wrong(f"step {step} failed: {report.failure}")
    marks, _ = job.alone
    if training.step != step + 1 or mark(training) != marks[training.step]:
        raise Wrong(f"expected after step {step} what a training alone has, got something else")


def _descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found
