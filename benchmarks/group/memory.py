"""How much memory the processes of a service take while a job runs."""

import threading
from pathlib import Path

PAUSE_SECONDS = 0.2
_FIELDS = {"Pss": "Pss:", "shared": "Pss_Shmem:"}


class Memory:
    """Watches a process and all that it has started, while it is entered; `most` has the peaks, in MiB.

    "Pss" counts a page that several processes map once; "shared" is the part of it that is shared memory.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most = dict.fromkeys(_FIELDS, 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            sums = dict.fromkeys(_FIELDS, 0.0)
            for pid in _family(self._pid):
                for name, mebibytes in _used(pid).items():
                    sums[name] += mebibytes
            self.most = {name: max(self.most[name], sums[name]) for name in sums}


def _family(pid: int) -> list[int]:
    """The workers among a process's descendants."""
    found, unseen = [], [pid]
    while unseen:
        parent = unseen.pop()
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            unseen += [int(child) for child in _text(path).split()]
        if "worker" in _text(Path(f"/proc/{parent}/cmdline")):
            found.append(parent)
    return found


def _used(pid: int) -> dict[str, float]:
    lines = _text(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return {
        name: sum(int(line.split()[1]) for line in lines if line.startswith(word)) / 1024
        for name, word in _FIELDS.items()
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""
