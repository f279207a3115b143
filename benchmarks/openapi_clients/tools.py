"""The three programs in a folder that is thrown away, and what each of them takes."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PYTHON_TOOLS = ("openapi-python-client==0.29.1", "schemathesis==4.32.0")
NODE_TOOLS = ("openapi-typescript@7.13.0", "typescript@5.9.3")
"""openapi-typescript wants TypeScript 5."""
MAX_SECONDS = 300.0
PROGRAMS = Path(__file__).parent / "programs"
LOOK_SECONDS = 0.05
SHOWN_LINES = 200


class Failed(Exception):
    """A program did not do what it should; the message says which, and shows its last lines."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A program that ended by itself.

    `peak_bytes` is the most that it, or one that it started, held; no less than this process when it began.
    """

    exit_status: int
    output: str
    seconds: float
    peak_bytes: int

    @property
    def cost(self) -> str:
        """Its time and memory, for people."""
        return f"{self.seconds:.1f} s, at most {self.peak_bytes / 2**20:.0f} MiB"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with the three programs in it, and the service that they are tried on."""

    folder: Path
    url: str
    key: str = field(repr=False)

    @property
    def python(self) -> Path:
        """The Python that has openapi-python-client and schemathesis."""
        return self.folder / "venv" / "bin" / "python"

    def tool(self, name: str) -> str:
        """The path of a program installed from PyPI."""
        return str(self.folder / "venv" / "bin" / name)

    def node_tool(self, name: str) -> str:
        """The path of a program installed from npm."""
        return str(self.folder / "node_modules" / ".bin" / name)

    def install(self) -> None:
        """Install all of them; raises Failed."""
        self.check(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *NODE_TOOLS])
        self.check([sys.executable, "-m", "venv", "venv"])
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        self.check([*pip, *PYTHON_TOOLS])

    def put(self, name: str) -> str:
        """Copy one of PROGRAMS into the folder; its name there."""
        shutil.copy(PROGRAMS / name, self.folder)
        return name

    def check(self, command: list[str], *, given: str = "") -> Ran:
        """Run a command that has to exit with 0; raises Failed."""
        ran = self.run(command, given=given)
        if ran.exit_status != 0:
            raise Failed(f"{Path(command[0]).name} exited with {ran.exit_status}:\n{last_lines(ran.output)}")
        return ran

    def run(self, command: list[str], *, given: str = "", most_seconds: float = MAX_SECONDS) -> Ran:
        """Run a command in the folder with `given` as its input; raises Failed where it does not end."""
        began = time.monotonic()
        log, read = self.folder / "log", self.folder / "input"
        read.write_text(given)
        folders = (self.python.parent, Path(sys.executable).parent, os.environ["PATH"])
        environment = {**os.environ, "PATH": os.pathsep.join(map(str, folders))}
        with log.open("wb") as out, read.open("rb") as source:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=source, stdout=out, stderr=subprocess.STDOUT
            )
            peak_bytes = _wait(process, began + most_seconds)
        output = log.read_text(errors="replace")
        seconds = time.monotonic() - began
        if peak_bytes is None:
            raise Failed(
                f"{Path(command[0]).name} had not ended after {seconds:.0f} s:\n{last_lines(output)}"
            )
        return Ran(exit_status=process.returncode, output=output, seconds=seconds, peak_bytes=peak_bytes)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    """The peak of the process's resident memory, or None where it had to be killed at the deadline."""
    in_time = True
    while True:
        # wait4 alone tells the peak of this one child; RUSAGE_CHILDREN is that of all there ever were.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG if in_time else 0)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_maxrss * 1024 if in_time else None
        if time.monotonic() > deadline:
            process.kill()
            in_time = False
        time.sleep(LOOK_SECONDS)


def last_lines(output: str) -> str:
    """As much of a program's output as says what went wrong."""
    return "\n".join(output.splitlines()[-SHOWN_LINES:])
