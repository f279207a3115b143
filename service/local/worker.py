"""How a worker process is started: by name, since the service imports nothing of the workers."""

import sys


def worker_command() -> list[str]:
    """The command line of one worker, which takes its settings from the environment."""
    return [sys.executable, "-m", "worker.main"]
