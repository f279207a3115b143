"""Running the members of a group as threads of one test."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def run_ranks(members: Sequence[Callable[[], T]], seconds: float = 20.0) -> list[T]:
    """Run each function on a thread of its own; their results, in order.

    A failing member's traceback is printed at once, in case that it lets the others hang. The first error is
    raised again. Raises TimeoutError if they are not all done after `seconds`; threads that hang are left as
    daemons.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = members[rank]()
        except BaseException as error:  # raised again below
            traceback.print_exc(file=sys.stderr)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(len(members))]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        hanging = [rank for rank, thread in enumerate(threads) if thread.is_alive()]
        raise TimeoutError(f"members {hanging} were not done after {seconds} s")
    return [results[rank] for rank in range(len(members))]
