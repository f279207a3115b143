"""How the processes of a service are started: by name, since the service imports nothing of the workers."""

import sys


def module_command(name: str, *arguments: str) -> list[str]:
    """The command line that runs one of Lockstep's modules.

    -P: nothing is imported from the working folder, neither there nor in what that process starts. Else a
    `json.py` or a folder `celery` of the user's would run in place of ours.
    """
    return [sys.executable, "-P", "-m", name, *arguments]


def worker_command() -> list[str]:
    """The command line of one worker, which takes its settings from the environment."""
    return module_command("lockstep.worker.main")
