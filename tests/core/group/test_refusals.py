"""What is refused is counted by reason, whoever counts."""

import threading

from lockstep.core.group.refusals import Refusals


def test_a_count_for_each_reason_that_there_was() -> None:
    refusals = Refusals()
    assert refusals.counts() == {}
    refusals.count("seal")
    before = refusals.counts()
    for _ in range(2):
        refusals.count("version")
    assert before == {"seal": 1}
    assert refusals.counts() == {"seal": 1, "version": 2}


def test_none_is_lost_between_threads() -> None:
    refusals = Refusals()

    def count() -> None:
        for _ in range(5_000):
            refusals.count("late")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert refusals.counts() == {"late": 20_000}
