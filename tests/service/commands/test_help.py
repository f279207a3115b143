"""Every command says what it does."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from lockstep.service.cli import app

COMMANDS = (
    *("up", "demo", "train", "jobs", "show", "watch", "weights", "predict", "history", "events"),
    *("members", "checkpoints", "prune"),
    *("cancel", "pause", "resume", "clone", "edit", "delete"),
    *(
        "gradients",
        "walk",
        "graph",
        "open",
        "gradcheck",
        "workers",
        "worker",
        "api",
        "migrate",
        "doctor",
        "keys",
    ),
)


def lockstep(*arguments: str, **environment: str) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "80", **environment}, prog_name="lockstep")
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_is_listed_and_has_help(verb: str) -> None:
    told = lockstep(verb, "--help")

    assert f" {verb} " in lockstep("-h")
    assert f"Usage: lockstep {verb}" in told
    assert told == lockstep(verb, "-h")


def test_the_version_is_told() -> None:
    assert lockstep("--version") == f"lockstep {version('lockstep')}\n"


def test_shells_complete_commands() -> None:
    words = lockstep(_LOCKSTEP_COMPLETE="complete_bash", COMP_WORDS="lockstep gra", COMP_CWORD="1")

    assert sorted(words.split()) == ["gradcheck", "gradients", "graph"]
