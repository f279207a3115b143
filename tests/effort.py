"""How much work something takes, counted and not timed: the same on any machine, however busy."""

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called while `work` runs, Python's and those of its C code alike."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def calls_by_name(work: Callable[[], object]) -> Counter[str]:
    """How often each function of Python's is called while `work` runs, by module and name."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            counts[f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_qualname}"] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counts
