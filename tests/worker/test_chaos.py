"""Helpers that are sent away at random."""

import threading

from lockstep.worker.chaos import Chaos


class Counted:
    """A group of four that remembers how many were sent away."""

    world_size = 4

    def __init__(self) -> None:
        self.released: list[int] = []
        self.some = threading.Event()

    def release(self, count: int) -> None:
        self.released.append(count)
        if len(self.released) >= 3:
            self.some.set()


def test_some_helpers_are_sent_away_again_and_again() -> None:
    group = Counted()
    with Chaos(group):
        assert group.some.wait(20)
    assert set(group.released) <= {1, 2, 3}


def test_nobody_is_sent_away_afterwards() -> None:
    group = Counted()
    with Chaos(group):
        pass
    for thread in threading.enumerate():
        if thread.name == "lockstep-chaos":
            thread.join(20)
            assert not thread.is_alive()
