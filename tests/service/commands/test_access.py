from __future__ import annotations

from pathlib import Path

import pytest

from lockstep.service.commands.access import Access, CommandError, find_access, hint, read_json
from lockstep.service.commands.opening import page_address


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose .lockstep looks as if a service ran; the other one does not."""
    monkeypatch.chdir(tmp_path)
    for folder, url, key in (
        (".lockstep", "http://here", "here-key"),
        ("other", "http://other", "other-key"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "url").write_text(url + "\n")
        (tmp_path / folder / "api-key").write_text(key + "\n")
    return tmp_path


@pytest.mark.usefixtures("running")
def test_the_default_data_directory_is_found() -> None:
    assert find_access(None) == Access(url="http://here", api_key="here-key")


@pytest.mark.usefixtures("running")
def test_the_environment_comes_before_the_default_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_URL", "http://elsewhere")
    monkeypatch.setenv("LOCKSTEP_API_KEY", "its-key")

    assert find_access(None) == Access(url="http://elsewhere", api_key="its-key")


@pytest.mark.usefixtures("running")
def test_a_data_directory_that_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_URL", "http://elsewhere")
    monkeypatch.setenv("LOCKSTEP_API_KEY", "its-key")

    assert find_access(Path("other")) == Access(url="http://other", api_key="other-key")


@pytest.mark.usefixtures("running")
def test_the_local_key_never_goes_to_another_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_URL", "http://elsewhere")

    assert find_access(None) == Access(url="http://elsewhere", api_key=None)


def test_without_a_service_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="lockstep up"):
        find_access(tmp_path)


def test_hints_name_the_data_directory_that_was_given(tmp_path: Path) -> None:
    place = tmp_path / "my data"

    assert hint("watch job_1", None) == "lockstep watch job_1"
    assert hint("watch job_1", place) == f"lockstep watch job_1 --data-dir '{place}'"
    with pytest.raises(CommandError, match=r"`lockstep up --data-dir '.*my data'`"):
        find_access(place)


def test_the_pages_address_carries_the_key_where_no_server_sees_it() -> None:
    access = Access(url="http://here:8000/", api_key="a/b+c")

    assert page_address(access, None) == "http://here:8000/#/?key=a%2Fb%2Bc"
    assert page_address(access, "job_1") == "http://here:8000/#/jobs/job_1?key=a%2Fb%2Bc"
    assert page_address(Access(url="http://here", api_key=None), "job_1") == "http://here/#/jobs/job_1"


def test_a_file_that_is_not_json_is_an_error_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"a": 1,\n "b": }')

    with pytest.raises(CommandError, match="line 2"):
        read_json(file)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        read_json(tmp_path / "missing.json")
