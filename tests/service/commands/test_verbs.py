"""`lockstep cancel`, `pause`, `resume`, `clone`, `edit` and `delete`, against the real application."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from lockstep.service.cli import app
from lockstep.service.client import ApiError
from lockstep.service.commands.access import CommandError
from lockstep.service.store.database import Database
from tests.service.served import served
from tests.service.submissions import KEY, LINE, succeed

Lockstep = Callable[..., Result]


@pytest.fixture
def lockstep(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lockstep]:
    """Runs a command with the key of the application of `api`; its own errors are raised."""
    monkeypatch.setenv("LOCKSTEP_API_KEY", KEY)

    def run(*arguments: str, given: str = "") -> Result:
        done = CliRunner().invoke(app, arguments, input=given)
        if isinstance(done.exception, CommandError | ApiError):
            raise done.exception
        return done

    with served(api) as url:
        monkeypatch.setenv("LOCKSTEP_URL", url)
        yield run


def create(api: TestClient, **changes: Any) -> str:
    job_id: str = api.post("/v1/jobs", json=LINE | changes).json()["id"]
    return job_id


def read(api: TestClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = api.get(f"/v1/jobs/{job_id}").json()
    return job


def test_a_job_is_paused_resumed_and_cancelled(api: TestClient, lockstep: Lockstep) -> None:
    job_id = create(api)
    for verb, status in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        for _ in range(2):
            assert lockstep(verb, job_id).stdout == f"{job_id} {status}\n"
        assert json.loads(lockstep(verb, job_id, "--json").stdout)["status"] == status
    with pytest.raises(ApiError, match="clone it"):
        lockstep("pause", job_id)


def test_a_job_is_cloned_as_it_is_and_with_a_patch(
    api: TestClient, lockstep: Lockstep, tmp_path: Path
) -> None:
    job_id = create(api, name="one")
    file = tmp_path / "patch.json"
    file.write_text('{"epochs": 5}')

    plain = lockstep("clone", job_id).stdout
    assert plain.split()[1] == "queued;"
    assert read(api, plain.split()[0])["cloned_from"] == job_id
    for patch, given in (('{"epochs": 5}', ""), (str(file), ""), ("-", '{"epochs": 5}')):
        made = json.loads(lockstep("clone", job_id, "--patch", patch, "--json", given=given).stdout)
        assert (made["spec"]["epochs"], made["name"], made["cloned_from"]) == (5, "one", job_id)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("[1]", "cannot read [1]"),
        ('{"epochs": 5', "--patch is not JSON"),
        ("nowhere.json", "cannot read nowhere.json"),
    ],
)
def test_a_patch_that_is_none_is_refused(api: TestClient, lockstep: Lockstep, patch: str, words: str) -> None:
    with pytest.raises(CommandError) as refused:
        lockstep("clone", create(api), "--patch", patch)
    assert words in str(refused.value)


def test_a_list_in_a_file_is_no_patch(api: TestClient, lockstep: Lockstep) -> None:
    with pytest.raises(CommandError, match="expected a JSON object, got \\[1\\]"):
        lockstep("clone", create(api), "--patch", "-", given="[1]")


def test_a_job_is_edited(api: TestClient, lockstep: Lockstep) -> None:
    job_id = create(api, name="one", metadata={"team": "a", "room": "1"})
    options = ("--priority", "-7", "--name", "two", "--metadata", "team=b=c", "--metadata", "x=")

    said = lockstep("edit", job_id, *options, "--remove", "room").stdout

    assert said == f"{job_id} priority -7  two  team=b=c x=\n"
    job = read(api, job_id)
    assert (job["priority"], job["name"], job["metadata"]) == (-7, "two", {"team": "b=c", "x": ""})
    lockstep("edit", job_id, "--name", "")
    assert read(api, job_id)["name"] is None
    assert json.loads(lockstep("edit", job_id, "--priority", "0", "--json").stdout)["priority"] == 0


@pytest.mark.parametrize(
    ("options", "words"), [((), "nothing to change"), (("--metadata", "x"), "KEY=VALUE")]
)
def test_an_edit_that_says_nothing_is_refused(
    api: TestClient, lockstep: Lockstep, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        lockstep("edit", create(api), *options)


def test_a_job_is_deleted_once_its_user_has_said_so(
    api: TestClient, store: Database, lockstep: Lockstep
) -> None:
    job_id = create(api, name="one")
    with pytest.raises(ApiError, match="expected a job that is over"):
        lockstep("delete", job_id)
    succeed(store, {"a": np.array(2.0), "b": np.array(4.0)})

    kept = lockstep("delete", job_id, given="n\n")
    assert kept.exit_code == 1
    assert f"Delete {job_id} (one), succeeded, with its weights and history?" in kept.stderr
    assert read(api, job_id)["status"] == "succeeded"

    gone = lockstep("delete", job_id, "--json", given="y\n")
    _, _, answer = gone.stdout.partition("\n")  # behind the answer, which the runner prints
    assert json.loads(answer) == {"id": job_id, "object": "job", "deleted": True}
    with pytest.raises(ApiError, match="no job has the id"):
        lockstep("delete", job_id, "--yes")


def test_yes_asks_nothing(api: TestClient, store: Database, lockstep: Lockstep) -> None:
    job_id = create(api)
    succeed(store, {"a": np.array(2.0), "b": np.array(4.0)})

    gone = lockstep("delete", job_id, "--yes")

    assert (gone.stdout, gone.stderr) == (f"{job_id} deleted\n", "")
