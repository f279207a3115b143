"""Every command × every output that does not take it: full, closed, no longer read, short of signs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_service import LocalService, installed, local_service, wait_until
from tests.system.test_local import LINE

pytestmark = [pytest.mark.timeout(120)]

COMMANDS: dict[str, tuple[str, ...]] = {
    "help": ("--help",),
    "jobs": ("jobs",),
    "jobs --json": ("jobs", "--json"),
    "show": ("show", "JOB"),
    "watch": ("watch", "JOB"),
    "train": ("train", "FILE", "--watch"),
    "predict": ("predict", "JOB", "INPUTS"),
    "doctor": ("doctor",),
    "keys": ("keys", "list"),
}
NAME = "Zürich 名 🎈"
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is Linux's")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("output")
    (folder / "job.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({**LINE, "name": NAME}).encode())
    (folder / "inputs.json").write_bytes(b"\xef\xbb\xbf[3]")
    with local_service(folder / "data", workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def job(service: LocalService) -> dict[str, Any]:
    job_id = service.client.create_job({**LINE, "name": NAME})["id"]
    wait_until(lambda: service.client.job(job_id)["is_terminal"], 60)
    return service.client.job(job_id)


def line(service: LocalService, job: dict[str, Any], command: str) -> list[str]:
    folder = service.directory.parent
    places = {
        "JOB": job["id"],
        "FILE": str(folder / "job.json"),
        "INPUTS": str(folder / "inputs.json"),
    }
    words = [places.get(word, word) for word in COMMANDS[command]]
    return installed(*words, *(() if command == "help" else ("--data-dir", str(service.directory))))


@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_output_is_one_message(service: LocalService, job: dict[str, Any], command: str) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            line(service, job, command), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 1
    errors = [each for each in done.stderr.splitlines() if each.startswith("error: ")]
    assert errors == ["error: cannot write to the standard output: No space left on device"]
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_heard_enough_hears_no_complaint(
    service: LocalService, job: dict[str, Any], command: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            line(service, job, command), stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)

    assert done.returncode == 1
    assert "error" not in done.stderr.lower()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_that_lacks_signs_gets_them_spelt(
    service: LocalService, job: dict[str, Any], command: str, encoding: str
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(
        line(service, job, command), env=environment, capture_output=True, check=False, timeout=60
    )

    said = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    if command == "jobs --json":
        assert json.loads(said)["data"][-1]["name"] == NAME
    elif command in ("jobs", "show"):
        assert (NAME if encoding == "ascii" else "Zürich \\u540d \\U0001f388") in said


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != "watch"])
def test_a_closed_output_and_a_full_error_output_are_no_crash(
    service: LocalService, job: dict[str, Any], command: str
) -> None:
    words = line(service, job, command)
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', *words], stderr=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


OUTPUTS = {
    "nowhere": ("nowhere/w.npz", "No such file or directory"),
    "folder": ("folder.npz", "Is a directory"),
    "ending": ("w.weights", "ends in no format of weights"),
    "device": ("full.npz", "No space left on device"),
}


@needs_full
@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_file_that_cannot_be_written_is_one_message(
    service: LocalService, job: dict[str, Any], tmp_path: Path, kind: str
) -> None:
    name, words = OUTPUTS[kind]
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "full.npz").symlink_to(FULL)

    done = subprocess.run(
        installed("weights", job["id"], "-o", name, "--data-dir", str(service.directory)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count(words) == 1
    assert len(done.stderr.strip().splitlines()) == 1
