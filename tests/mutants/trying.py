"""Trying mutants in copies of the tree; the tree itself is only read."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.mutants.table import Mutant
from tests.tracked import copy_tracked

Verdict = Literal["killed", "killed by the limit", "SURVIVED", "BROKEN"]

TEST_SECONDS = 20.0
"""A mutant that makes one test last so long is noticed by it."""
MUTANT_SECONDS = 120.0
"""So long for all tests of a mutant; it is killed by the limit then."""
UNCHANGED_SECONDS = 1200.0
PYTEST = ("-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider")
ENDINGS: dict[int, Verdict] = {0: "SURVIVED", 1: "killed"}
"""By pytest's exit status. Any other says nothing of the tests: they were not found, or could not start."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of a mutant; `said` is the end of what pytest printed."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    said: str


@dataclass(kw_only=True)
class Tree:
    """A copy of the project's files, for one mutant at a time."""

    root: Path
    running: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @classmethod
    def copied(cls, source: Path, root: Path) -> "Tree":
        """Copy what git tracks or would track.

        Compiled files are kept by their source's hash: a mutant of the same size, written within the same
        second, must not run as what was compiled before.
        """
        copy_tracked(source, root)
        compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        subprocess.run(compiled, cwd=root, check=True, stdout=subprocess.DEVNULL)
        return cls(root=root)

    def passes(self, tests: Sequence[str]) -> tuple[bool, str]:
        """Whether the tests pass as the files are, and the end of what pytest printed."""
        status, said = self._run(tests, UNCHANGED_SECONDS)
        return status == 0, said

    def attempt(self, mutant: Mutant) -> Trial:
        """Put the mutant into its file, run its tests, and put the line back."""
        path = self.root / mutant.file
        text = path.read_text()
        started_at = time.monotonic()
        path.write_text(mutant.applied(text))
        try:
            limit = ("--timeout", f"{TEST_SECONDS:g}")
            status, said = self._run([*limit, *mutant.tests], MUTANT_SECONDS)
        finally:
            path.write_text(text)
        verdict = "killed by the limit" if status is None else ENDINGS.get(status, "BROKEN")
        return Trial(mutant=mutant, verdict=verdict, seconds=time.monotonic() - started_at, said=said)

    def stop(self) -> None:
        """End what runs in it."""
        if self.running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)

    def _run(self, arguments: Sequence[str], seconds: float) -> tuple[int | None, str]:
        """Pytest's exit status, None where it was not done in time; and the end of what it printed."""
        temporary = self.root.with_name(f"{self.root.name}-tmp")
        temporary.mkdir()
        temporary.chmod(0o755)  # PostgreSQL, which does not run as root, has to get through
        # Into a file: whoever waits for the end of a pipe waits for what pytest may have left behind, too.
        output = temporary / "output"
        try:
            with output.open("wb") as printed:
                self.running = subprocess.Popen(
                    [sys.executable, *PYTEST, *arguments], cwd=self.root, start_new_session=True,
                    env=os.environ | {"TMPDIR": str(temporary)}, stdout=printed, stderr=printed,
                )  # fmt: skip
            try:
                status = self.running.wait(seconds)
            except subprocess.TimeoutExpired:
                self.stop()
                self.running.wait()
                status = None
            return status, output.read_text(errors="replace")[-2000:]
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
