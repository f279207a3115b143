"""How much work something takes, counted and not timed: the same on any machine, however busy."""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called while `work` runs, Python's and those of its C code alike."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    with _profiled(note):
        work()
    return count


def calls_by_name(work: Callable[[], object]) -> Counter[str]:
    """How often each function of Python's is called while `work` runs, by module and name."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            counts[f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_qualname}"] += 1

    with _profiled(note):
        work()
    return counts


@contextmanager
def _profiled(note: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    """Tell `note` of each call. No garbage is collected meanwhile: its finalizers would be counted too."""
    before, collected = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collected:
            gc.enable()
