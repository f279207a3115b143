"""Members that come and go at random, as a job asks for that verifies another with `chaos`."""

import random
import threading
from typing import Protocol

SHORTEST_SECONDS = 0.02
LONGEST_SECONDS = 0.6
"""Between two strikes; the seats are filled again meanwhile, as at any time (seats.py)."""


class Shakeable(Protocol):
    """A group whose members the lead can send away."""

    @property
    def world_size(self) -> int:
        """How many members there are, the lead included."""

    def release(self, count: int) -> None:
        """Let up to `count` helpers go after the step in progress; any thread may call it."""


class Chaos:
    """A thread that, while it is entered, sends some helpers away at random moments, so at random steps."""

    def __init__(self, group: Shakeable) -> None:
        self._group = group
        self._random = random.SystemRandom()  # of the weights nothing hangs on it
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._shake, name="lockstep-chaos", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _shake(self) -> None:
        while not self._stop.wait(self._random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)):
            helpers = self._group.world_size - 1
            if helpers > 0:
                self._group.release(self._random.randint(1, helpers))
