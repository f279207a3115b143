"""Doing a fault's deed to this process, and telling before."""

import contextlib
import json
import os
import signal
import socket
import stat
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from random import Random
from typing import Any

from lockstep.core.ground.failpoints import at_failpoints
from tests.chaos.group.faults import Deed, Fault


class Teller:
    """Tells the campaign what happens here, a line for each thing, at once: so a kill loses none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, what: str, **more: Any) -> None:
        """Lines of less than a pipe's atomic size."""
        line = json.dumps({"what": what, "at": time.monotonic(), **more}) + "\n"
        os.write(self._descriptor, line.encode())


class Striker:
    """Waits for the points of faults and does each deed there, once. `reached` counts the points passed."""

    def __init__(self, faults: Sequence[Fault], teller: Teller, seed: int) -> None:
        self._faults = list(faults)
        self._teller = teller
        self._random = Random(seed)
        self.reached: Counter[str] = Counter()
        at_failpoints(self._reach)

    def _reach(self, name: str) -> None:
        self.reached[name] += 1
        for fault in [each for each in self._faults if each.point == name and self.reached[name] >= each.nth]:
            victim = self._connection() if fault.deed == "cut" else None
            if fault.deed == "cut" and victim is None:
                continue  # perhaps there is one when it comes here again
            self._faults.remove(fault)
            self._teller.tell("struck", **asdict(fault))
            self._strike(fault.deed, victim)

    def _strike(self, deed: Deed, victim: socket.socket | None) -> None:
        match deed:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "cut" if victim is not None:
                with victim, contextlib.suppress(OSError):
                    victim.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> socket.socket | None:
        """One of this process's connections to other members, as a descriptor of its own."""
        found = list(connections())
        chosen = self._random.choice(found) if found else None
        for each in found:
            if each is not chosen:
                each.close()
        return chosen


def connections() -> list[socket.socket]:
    """Copies of this process's connections to other members: all that are connected but pairs of its own."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                copy = socket.socket(fileno=os.dup(int(name)))
                if _is_to_another_member(copy):
                    found.append(copy)
                else:
                    copy.close()
    return found


def _is_to_another_member(connection: socket.socket) -> bool:
    try:
        peer, own = connection.getpeername(), connection.getsockname()
    except OSError:
        return False
    return connection.family != socket.AF_UNIX or bool(peer or own)
