"""One process of a contestant, that does what it is told, line by line, and answers in JSON.

    python -m benchmarks.group.member RANK SOCKET SIZE FOLDER KIND NAME [MORE ...]

RANK is "-" where the launcher says it in PMI_RANK. FOLDER is common to all ranks, for what they need to meet.
KIND is a key of KINDS; what it makes says what it can be told.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.versions import versions_of

PACKAGES = ("numpy", "torch", "mpi4py", "mpich", "redis", "deepspeed", "cryptography")
KINDS = {"reduce": "reducers", "train": "trainers", "recover": "recovering"}

Answers = Mapping[str, Callable[..., dict[str, Any]]]


@dataclass(frozen=True)
class Seat:
    """Which of how many processes this is, and the folder where they meet."""

    rank: int
    size: int
    folder: Path


def main() -> None:
    given, path, size, folder, kind, *words = sys.argv[1:]
    rank = int(os.environ["PMI_RANK"] if given == "-" else given)
    control = socket.socket(socket.AF_UNIX)
    control.connect(path)

    def say(answer: Mapping[str, Any]) -> None:
        control.sendall((json.dumps(answer) + "\n").encode())

    say({"rank": rank, "pid": os.getpid()})
    module = import_module(f"benchmarks.group.{KINDS[kind]}")
    answers: Answers = module.make(Seat(rank, int(size), Path(folder)), *words)
    say({"versions": versions_of(PACKAGES)})
    for line in control.makefile("r"):
        word, *rest = line.split()
        say(answers[word](*rest))


if __name__ == "__main__":
    main()
