"""What happens at a failpoint: the process dies, or its database fails."""

import os
import threading
from collections import Counter
from types import TracebackType
from typing import Literal, Self, get_args

from sqlalchemy.exc import OperationalError

from lockstep.core.ground.failpoints import at_failpoints
from tests.worker.every_step import Died

Deed = Literal["die", "fail", "exit"]
"""die: nothing of the process goes on; told in this one, so that many can die in a second. fail: the database
raises; where a transaction is committed, its answer is lost so. exit: the process is gone for real."""
DEEDS: tuple[Deed, ...] = get_args(Deed)
EXIT_STATUS = 137


class Strike:
    """While it is open, the deed is done at the `number`-th reach of a point, once, in this thread.

    `reached` counts every point by its name; `struck` says whether it came to the deed.
    """

    def __init__(self, point: str, number: int, deed: Deed) -> None:
        self._point, self._number, self._deed = point, number, deed
        self._thread = threading.get_ident()
        self.reached: Counter[str] = Counter()
        self.struck = False

    def __enter__(self) -> Self:
        at_failpoints(self._reach)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        at_failpoints(None)

    def _reach(self, name: str) -> None:
        if threading.get_ident() != self._thread:
            return
        self.reached[name] += 1
        if name != self._point or self.reached[name] != self._number:
            return
        self.struck = True
        if self._deed == "exit":
            os._exit(EXIT_STATUS)
        if self._deed == "die":
            raise Died
        raise OperationalError(f"struck at {name}", None, Exception("the server closed the connection"))
