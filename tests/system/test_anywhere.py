"""`lockstep up` for real, where nobody had it in mind: odd folders, odd paths, no room, another's .env."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.local_service import LocalService, Place, installed, kill, local_service, stop, wait_until
from tests.system.test_local import LINE

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

FOREIGN = (
    *("lockstep/__init__.py", "core/__init__.py", "service/__init__.py", "migrations/__init__.py"),
    *("migrations/env.py", "json.py", "worker.py", "celery.py", "celeryconfig.py", "sitecustomize.py"),
    *("numpy/__init__.py", "logging.py", "settings.py", "billiard/__init__.py"),
)
"""What a working folder may hold beside other things, and what no process of ours may run."""
TEXTS = {"alembic.ini": "[nothing", "pyproject.toml": "[nothing", "valkey.conf": "nothing 1", ".env": ""}
ODD_NAME = "dä t?a#b%41;c@d&e=f+g:h'i\"" + "j" * 90
SHM = Path("/dev/shm")  # noqa: S108


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder of a short path, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    """A working folder with files of all names that ours import; one that runs leaves a mark."""
    folder = tmp_path / "odd"
    for name in FOREIGN:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mark = folder / f"ran-{name.replace('/', '-')}"
        path.write_text(f"open({str(mark)!r}, 'w').close()\nraise SystemExit('a foreign {name} ran')\n")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def trains(service: LocalService) -> None:
    job_id = service.client.create_job(LINE)["id"]
    wait_until(lambda: service.client.job(job_id)["is_terminal"], 60)
    job: dict[str, Any] = service.client.job(job_id)
    assert job["status"] == "succeeded", job
    assert job["result"]["parameters"]["a"] == 2.00000078438591


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of an installed Lockstep, in a folder."""
    return subprocess.run(
        installed(*arguments),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def _finds(service: LocalService, part: str, found: list[int]) -> bool:
    """Whether processes of the service are `part`, whose ids are then put into `found`."""
    found.extend(service.pids(part))
    return bool(found)


def test_nothing_is_imported_from_the_working_folder(odd_folder: Path) -> None:
    examples = odd_folder / "examples"
    examples.mkdir()
    (examples / "digits.json").write_bytes(
        (Path(__file__).parents[2] / "examples" / "digits.json").read_bytes()
    )
    others = {"DJANGO_SETTINGS_MODULE": "settings", "CELERY_BROKER_URL": "redis://127.0.0.1:9"}
    place = Place(cwd=odd_folder, environment=others)

    with local_service(Path("data"), workers=1, place=place) as service:
        trains(service)
        for part in ("celeryd", "pool child"):
            found: list[int] = []
            wait_until(partial(_finds, service, part, found))
            kill(found[0])
        trains(service)
        doctor = run(odd_folder, "doctor", "--data-dir", "data")
        demo = run(odd_folder, "demo", "--data-dir", "data")
    migrate = run(odd_folder, "migrate", LOCKSTEP_DATABASE_URL="sqlite:///other.db")

    for done in (doctor, demo, migrate):
        assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in odd_folder.glob("ran-*")] == []
    assert "broker_away" not in (odd_folder / "data" / "logs" / "worker-1.log").read_text()


def test_a_worker_alone_imports_nothing_from_the_working_folder(odd_folder: Path) -> None:
    environment = {"LOCKSTEP_DATABASE_URL": "sqlite:///db", "LOCKSTEP_BROKER_URL": "redis://127.0.0.1:1"}
    assert run(odd_folder, "migrate", **environment).returncode == 0
    with (odd_folder / "log").open("w") as log:
        worker = subprocess.Popen(
            installed("worker"), cwd=odd_folder, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: "broker_away" in (odd_folder / "log").read_text(), 30)
    finally:
        stop(worker)  # type: ignore[arg-type]  # it writes no text to us

    assert [path.name for path in odd_folder.glob("ran-*")] == []


@pytest.mark.parametrize("kind", ["odd", "relative", "symlinked"])
def test_a_data_directory_may_have_any_name(tmp_path: Path, kind: str) -> None:
    real = tmp_path / ODD_NAME
    real.mkdir()
    (tmp_path / "link?").symlink_to(real)
    names = {"odd": real, "relative": Path(ODD_NAME), "symlinked": Path("link?")}
    before = {path.name for path in tmp_path.iterdir()}

    with local_service(names[kind], workers=1, place=Place(cwd=tmp_path)) as service:
        trains(service)
        doctor = run(tmp_path, "doctor", "--data-dir", str(names[kind]))

    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "ok       broker: answers" in doctor.stdout
    assert (real / "lockstep.db").is_file()
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_long_temporary_folder_is_no_obstacle(tmp_path: Path) -> None:
    temporary = tmp_path / ("t" * 101)
    temporary.mkdir()
    place = Place(environment={"TMPDIR": str(temporary)})

    with local_service(tmp_path / "data", workers=1, place=place) as service:
        trains(service)


def test_a_clusters_env_file_is_not_taken_and_variables_are(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        b"LOCKSTEP_ALLOWED_HOSTS=elsewhere.example\nLOCKSTEP_LEASE_SECONDS=\xe4\n"
    )
    place = Place(cwd=tmp_path, environment={"LOCKSTEP_MAX_BODY_BYTES": "2000"})

    with local_service(tmp_path / "data", workers=0, place=place) as service:
        too_long = {**LINE, "metadata": {"k": "v" * 400}, "name": "n" * 200, "data": {"inline": {
            "x": list(range(300)), "y": list(range(300))}}}  # fmt: skip
        with pytest.raises(Exception, match="413"):
            service.client.create_job(too_long)


def test_how_long_an_idle_connection_is_kept_is_a_setting(tmp_path: Path) -> None:
    place = Place(environment={"LOCKSTEP_KEEP_ALIVE_SECONDS": "1"})

    with local_service(tmp_path / "data", workers=0, place=place) as service:
        port = int(service.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while connection.recv(4096):
                pass  # the default would keep it open for longer than the test waits


def test_a_wrong_variable_keeps_up_from_starting(tmp_path: Path) -> None:
    refused = run(tmp_path, "up", "--port", "0", LOCKSTEP_LEASE_SECONDS="soon")

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "LOCKSTEP_LEASE_SECONDS (a variable of the environment)" in refused.stderr


needs_mounts = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="only who may mount can make /dev/shm read-only",
)


@needs_mounts
@pytest.mark.parametrize("options", ["ro", "size=4k"])
def test_workers_that_cannot_start_are_named_with_their_log(tmp_path: Path, options: str) -> None:
    fill = "head -c 4096 /dev/zero > /dev/shm/full 2>/dev/null; " if options != "ro" else ""
    mount = f'mount -t tmpfs -o {options} tmpfs /dev/shm && {{ {fill}exec "$0" "$@"; }}'
    place = Place(cwd=tmp_path, prefix=("unshare", "--mount", "--propagation", "private", "sh", "-c", mount))

    with local_service(Path("data"), workers=1, place=place) as service:
        wait_until(lambda: (tmp_path / "data" / "logs" / "worker-1.log").read_text().count("error: ") > 3, 60)
        job_id = service.client.create_job(LINE)["id"]
        wait_until(lambda: service.client.job(job_id)["status_reason"] == "no_worker")
        service.process.terminate()
        said, _ = service.process.communicate(timeout=20)

    assert "warning: worker-1 does not stay up: it died 3 times in a row" in said
    assert "after a longer pause, of 10 s at most" in said
    assert "worker-1.log" in said
    assert "must be there, be writable and have room" in said
    assert said.count("does not stay up") == 1
    assert "Traceback" not in said


def semaphores() -> set[str]:
    return {path.name for path in SHM.glob("sem.lockstep-run-*")}


def folders(base: Path) -> set[str]:
    return {path.name for path in base.glob("lockstep-run-*")}


def test_no_semaphore_and_no_folder_outlives_a_kill(tmp_path: Path, short: Path) -> None:
    place = Place(environment={"TMPDIR": str(short)})

    def left(names: set[str]) -> set[str]:
        return {name for name in semaphores() if name.split("-")[2] in {each.split("-")[2] for each in names}}

    with local_service(tmp_path / "data", workers=1, place=place) as service:
        trains(service)
        of_first = folders(short)
        assert len(of_first) == 2  # the supervisor's and the worker's
        assert left(of_first)
        kill(service.pids("celeryd")[0])
        wait_until(lambda: len(folders(short)) == 2 and folders(short) != of_first, 30)
        gone = of_first - folders(short)
        assert not left(gone)
        trains(service)
        killed = folders(short)
        stop(service.process, 9)

    with local_service(tmp_path / "data", workers=1, place=place) as service:
        trains(service)
        assert not folders(short) & killed
        assert not left(killed)
    assert not folders(short)
