"""What no command takes: an empty folder, and what can't be a job's id."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lockstep.service.cli import app
from lockstep.service.commands.access import CommandError

IN_ORDER = {
    **dict.fromkeys(("show", "watch", "history", "events", "graph", "open"), ()),
    **dict.fromkeys(("cancel", "pause", "resume", "clone", "delete"), ()),
    "edit": ("--priority", "1"),
    "weights": ("-o", "w.npz"),
    "predict": ("-",),
    "gradients": ("0",),
    "walk": ("0",),
}
"""The commands that take a job's id, and what else they need."""
KEYS = ("keys add", "keys list", "keys revoke")
NEEDED = {"train": ("-",), "gradcheck": ("-",), "keys add": ("a",), "keys revoke": ("a",)}


def with_option(option: str) -> set[str]:
    """The commands that have an option, as one types them."""
    top = typer.main.get_command(app)
    groups = {**top.commands, **{f"keys {name}": one for name, one in top.commands["keys"].commands.items()}}  # type: ignore[attr-defined]  # a group
    return {name for name, one in groups.items() if any(option in each.opts for each in one.params)}


def refusal(*arguments: str) -> str:
    """What a command says that refuses."""
    done = CliRunner().invoke(app, arguments, input="[1]")
    assert isinstance(done.exception, CommandError), done.output
    return str(done.exception)


@pytest.mark.parametrize("given", ["", " "])
def test_an_empty_folder_is_refused_by_all_that_take_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = with_option("--data-dir")
    assert found >= {"up", "demo", "train", "doctor", *KEYS, *IN_ORDER}
    for name in sorted(found):
        rest = (*(("job_0",) if name in IN_ORDER else ()), *IN_ORDER.get(name, NEEDED.get(name, ())))
        assert f"expected a folder after --data-dir, got {given!r}" in refusal(
            *name.split(), *rest, "--data-dir", given
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["", " ", ".", "..", "job_x/../../healthz", "a?b", "a#b", "job_%30", "ä"])
@pytest.mark.parametrize("name", IN_ORDER)
def test_what_cannot_be_a_jobs_id_is_refused_in_words(name: str, given: str) -> None:
    said = refusal(name, given, *IN_ORDER[name])
    assert f"expected a job's id, such as job_01k9zq, got {given!r}" in said
    assert "`lockstep jobs`" in said
