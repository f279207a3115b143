"""A group whose members share out the update, in threads and in processes.

    python -m tests.core.learning.divided PORT JOB POINT STEPS     a helper that kills itself

It joins the lead at PORT and trains the job JOB (in JOBS), until at POINT (in POINTS) of its step STEPS.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from lockstep.core.group import DividedUpdate, Group, LeadLost, Released, Work
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.terms import GroupTerms, Timeouts, TransportChoice
from lockstep.core.learning import dividing
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.dividing import SharedUpdate
from lockstep.core.learning.training import Training
from tests.core.group.team import IDENTITY
from tests.core.learning.training_jobs import DIGITS, training

SECONDS = 30.0
SMALL = 2**18
"""What the tests take for MIN_DIVIDED_NUMBERS, so that their models may be small."""
TIMEOUTS = Timeouts(step_seconds=10.0, least_seconds=10.0, lead_seconds=20.0)
WIDE: dict[str, Any] = DIGITS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 2048},
            {"type": "batch_norm_1d", "num_features": 2048},
            {"type": "relu"},
            {"type": "linear", "in": 2048, "out": 10},
        ]
    },
    "epochs": 3,
    "batch_size": 90,
    "shards": 4,
}
SGD = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}
JOBS: dict[str, dict[str, Any]] = {
    "adam": WIDE,
    "adamw, clipped by norm": WIDE | {"optimizer": {"type": "adamw"}, "clip": {"norm": 0.5}},
    "sgd, clipped by value, l2": WIDE | {"optimizer": SGD, "clip": {"value": 0.001}, "penalty": {"l2": 1e-4}},
    "nadam, scheduled": WIDE
    | {"optimizer": {"type": "nadam"}, "schedule": {"type": "cosine"}, "dtype": "float64", "shards": 8},
    "lion, accumulating": WIDE | {"optimizer": {"type": "lion"}, "accumulate": 3, "epochs": 9},
    "plateau, patient": WIDE
    | {
        "schedule": {"type": "reduce_on_plateau", "patience": 0},
        "stop": {"patience": 2, "restore_best": True},
    },
}


DIVERGING = WIDE | {"optimizer": SGD | {"learning_rate": 1e6}, "epochs": 30}
"""Its loss is finite for some steps that are shared out."""


def terms(transport: TransportChoice = "shared_memory", timeouts: Timeouts = TIMEOUTS) -> GroupTerms:
    """What all members bring along."""
    return GroupTerms(identity=IDENTITY, timeouts=timeouts, listen_host="127.0.0.1", transport=transport)


class Counting:
    """A lead's group that counts the collectives in which the update was shared out."""

    def __init__(self, group: GroupLead) -> None:
        self.group = group
        self.divided = 0
        self.close = group.close

    @property
    def rank(self) -> int:
        return self.group.rank

    @property
    def world_size(self) -> int:
        return self.group.world_size

    @property
    def generation(self) -> int:
        return self.group.generation

    def all_reduce(
        self, work: Work, out: np.ndarray, *, admits: bool, update: DividedUpdate | None = None
    ) -> bool:
        divided = self.group.all_reduce(work, out, admits=admits, update=update)
        self.divided += divided
        return divided

    def welcome(self, state: Callable[[], bytes]) -> None:
        self.group.welcome(state)


class Lead:
    """A lead that trains a job, a step at a time."""

    def __init__(
        self,
        job: dict[str, Any],
        transport: TransportChoice = "shared_memory",
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.lead = GroupLead(
            terms(transport, timeouts), 8, lambda kind, data: self.events.append((kind, dict(data)))
        )
        self.group = Counting(self.lead)
        self.training = training(job, self.group)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lead.close("over")

    @property
    def port(self) -> int:
        return self.lead.address[1]


class ThreadHelper:
    """A helper on a thread, for `stays` steps or to the end."""

    def __init__(
        self, port: int, job: dict[str, Any], stays: int = -1, transport: TransportChoice = "auto"
    ) -> None:
        self.training: Training | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(port, job, stays, transport), daemon=True)
        self._thread.start()

    def _run(self, port: int, job: dict[str, Any], stays: int, transport: TransportChoice) -> None:
        try:
            helper = GroupHelper.join(terms(transport), ("127.0.0.1", port))
            try:
                self.training = followed(job, helper, stays)
            finally:
                helper.close("had enough")
        except (Released, LeadLost) as error:
            self.error = error
        except BaseException as error:
            self.error = error
            raise

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.error is None or isinstance(self.error, Released | LeadLost), self.error


def followed(job: dict[str, Any], helper: Group, stays: int = -1) -> Training:
    """A helper's training after so many steps, or at its end."""
    assert isinstance(helper, GroupHelper)
    trained = training(job, helper, Checkpoint.from_bytes(helper.state))
    while not trained.finished and stays:
        trained.advance(1)
        stays -= 1
    return trained


def _dies_in(name: str, *, after: bool) -> Callable[[int], None]:
    """Make this process kill itself before or after the method `name` of its update, the so manyth time."""

    def arm(countdown: int) -> None:
        method = getattr(SharedUpdate, name)

        def dying(self: SharedUpdate, *arguments: Any) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown < 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            method(self, *arguments)
            if countdown < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(SharedUpdate, name, dying)

    return arm


def _dies_amid_its_move(countdown: int) -> None:
    """Kill this process when half of the calls of its move are done."""
    run = SharedUpdate.advance

    def dying(self: SharedUpdate) -> None:
        nonlocal countdown
        countdown -= 1
        own = self._own
        if countdown < 0 and own is not None:
            own.run(self._step, self._gradient)
            calls = own._calls[(self._step + 1) % 2]
            calls[len(calls) // 2 :] = [lambda: os.kill(os.getpid(), signal.SIGKILL)]
        run(self)

    SharedUpdate.advance = dying  # type: ignore[method-assign]


POINTS: dict[str, Callable[[int], None]] = {
    "before it sits": _dies_in("sit", after=False),
    "after it sits": _dies_in("sit", after=True),
    "before its move": _dies_in("advance", after=False),
    "amid its move": _dies_amid_its_move,
    "after its move": _dies_in("advance", after=True),
    "before it takes": _dies_in("settle", after=False),
    "after it took": _dies_in("settle", after=True),
}


def main() -> None:
    port, job, point, steps = sys.argv[1:]
    dividing.MIN_DIVIDED_NUMBERS = SMALL
    POINTS[point](int(steps))
    helper = GroupHelper.join(terms(), ("127.0.0.1", int(port)))
    followed(JOBS[job], helper)


if __name__ == "__main__":
    main()
