"""Every command that reads a file, and every file that is wrong: one message, said once, exit status 1."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.service import cli
from lockstep.service.client import ApiError
from lockstep.service.commands.json_file import NotJson, parse_json

JOB = b'{"model": {"expression": "a*x"}, "loss": "mse"'
BAD: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "No such file or directory"),
    "empty": (b"", "is not JSON"),
    "cut": (JOB, "is not JSON"),
    "nan": (JOB + b', "seed": NaN}', "holds NaN"),
    "infinity": (b"[[-Infinity]]", "holds -Infinity"),
    "key-twice": (JOB + b', "epochs": 1, "epochs": 2}', "the key 'epochs' twice"),
    "too-large": (b"[[1e999]]", "1e999"),
    "too-many-digits": (b"[" + b"1" * 5000 + b"]", "4,300 digits"),
    "brackets": (b"[" * 100_000, "too many brackets"),
    "closed-brackets": (b"[" * 100_000 + b"]" * 100_000, "too many brackets"),
    "latin-1": ('{"name": "Zürich"}'.encode("latin-1"), "not text in UTF-8 (byte 11)"),
    "utf-16": ('{"name": "x"}'.encode("utf-16"), "UTF-16"),
    "number": (b"12", "expected a JSON"),
    "text": (b'"text"', "expected a JSON"),
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "train": ("train", "FILE"),
    "gradcheck": ("gradcheck", "FILE"),
    "predict": ("predict", "job_1", "FILE"),
}
BAD_WEIGHTS: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "No such file or directory"),
    "empty": (b"", "expected"),
    "text": (b"no weights at all, only text", "expected"),
    "long-header": (b"\xff" * 64, "expected"),
}
DIRECTORY = "is a directory"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Said:
    """Run `lockstep` in this process: the exit status, the standard output, the standard error."""
    monkeypatch.setenv("LOCKSTEP_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lockstep", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return run


def is_one_message(err: str, words: str) -> None:
    assert err.startswith("error: "), err
    assert words in err
    assert "Traceback" not in err
    assert err.count(words) == 1, err
    assert len(err.strip().splitlines()) == 1, err


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_file_is_one_message(said: Said, tmp_path: Path, command: str, kind: str) -> None:
    content, words = BAD[kind]
    file = tmp_path / "given.json"
    if content is not None:
        file.write_bytes(content)
    if kind in ("number", "text"):
        words = "expected a JSON list" if command == "predict" else "expected a JSON object"

    status, out, err = said(*(str(file) if word == "FILE" else word for word in COMMANDS[command]))

    assert (status, out) == (1, "")
    is_one_message(err, words)
    assert "given.json" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_and_a_closed_file_are_one_message(said: Said, tmp_path: Path, command: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "closed").write_text("{}")
    (tmp_path / "closed").chmod(0)
    cases = {"folder": "Is a directory"} | ({} if os.geteuid() == 0 else {"closed": "Permission denied"})

    for name, words in cases.items():
        status, _, err = said(*(name if word == "FILE" else word for word in COMMANDS[command]))
        assert status == 1
        is_one_message(err, words)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("kind", [*BAD_WEIGHTS, DIRECTORY])
def test_bad_weights_are_one_message(said: Said, tmp_path: Path, kind: str, suffix: str) -> None:
    (tmp_path / "job.json").write_bytes(JOB + b"}")
    file = tmp_path / f"w{suffix}"
    content, words = BAD_WEIGHTS.get(kind, (None, "Is a directory"))
    if kind == DIRECTORY:
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)

    status, out, err = said("train", "job.json", "--weights", str(file))

    assert (status, out) == (1, "")
    is_one_message(err, words)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1.5}') == {"a": 1.5}


def test_whole_numbers_and_the_largest_float_are_no_faults() -> None:
    assert parse_json(b"[1.7976931348623157e308, 123456789012345678901234567890, -0.0]") == [
        1.7976931348623157e308,
        123456789012345678901234567890,
        -0.0,
    ]
    with pytest.raises(NotJson, match="1e400"):
        parse_json(b"[1e400]")


@pytest.mark.parametrize("arguments", [("jobs",), ("show", "job_1"), ("predict", "job_1", "x.json")])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9", "does not answer"),
        ("nonsense", "can't be used"),
        ("http://[::1", "can't be used"),
        ("http://127.0.0.1:port", "can't be used"),
        ("ftp://127.0.0.1", "can't be used"),
    ],
)
def test_a_wrong_address_is_one_message(
    said: Said,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    url: str,
    words: str,
) -> None:
    (tmp_path / "x.json").write_text("[[1]]")
    monkeypatch.setenv("LOCKSTEP_URL", url)

    status, _, err = said(*arguments)

    assert status == 1
    is_one_message(err, words)


def test_a_key_that_no_header_carries_is_one_message(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_API_KEY", "schlüssel")

    status, _, err = said("jobs")

    assert status == 1
    is_one_message(err, "holds characters that no key has")


@pytest.mark.parametrize("name", ["url", "api-key"])
def test_a_data_directory_that_holds_no_text_is_one_message(said: Said, tmp_path: Path, name: str) -> None:
    (tmp_path / "url").write_text("http://127.0.0.1:9\n")
    (tmp_path / name).write_bytes(b"\xff\xfe\xfd")

    status, _, err = said("jobs", "--data-dir", str(tmp_path))

    assert status == 1
    is_one_message(err, f"{tmp_path / name} holds no text")


DATABASES = {
    "nonsense": "it is not an address",
    "postgresql://u:secret@h:port/d": "its port is not a number",
    "mysql://u:secret@h/d": "mysql://",
    "sqlite:////nowhere/at/all/x.db": "unable to open database file",
    "postgres://u:secret@127.0.0.1:9/d": "onnection",
}


@pytest.mark.parametrize("url", DATABASES)
@pytest.mark.parametrize("command", [("migrate",), ("keys", "list"), ("doctor",)])
def test_a_bad_database_address_is_one_message(
    said: Said, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv("LOCKSTEP_DATABASE_URL", url)
    monkeypatch.setenv("LOCKSTEP_BROKER_URL", "redis://127.0.0.1:9")

    status, out, err = said(*command)

    told = next(line for line in out.splitlines() if " database: " in line) if command == ("doctor",) else err
    assert status == 1
    assert DATABASES[url] in told
    assert "secret" not in out + err
    assert "Traceback" not in out + err
    assert err.count("error: ") == (0 if command == ("doctor",) else 1)


def test_what_an_answer_says_twice_is_said_once() -> None:
    message = "limit: Input should be a valid integer"
    unplaced = {"pointer": "", "code": "int", "message": message}
    placed = {"pointer": "/x", "code": "int", "message": message}

    assert str(ApiError(422, {"title": "T", "detail": message, "errors": [unplaced]})) == f"422 T: {message}"
    assert (
        str(ApiError(422, {"title": "T", "detail": message, "errors": [placed]})) == f"422 T\n  /x: {message}"
    )
    two = str(ApiError(422, {"title": "T", "detail": "The spec has 1 problem.", "errors": [placed]}))
    assert two == f"422 T: The spec has 1 problem.\n  /x: {message}"


def test_a_drawing_in_no_known_format_is_one_message(said: Said) -> None:
    status, out, err = said("graph", "job_1", "-o", "drawing.png")

    assert (status, out) == (1, "")
    is_one_message(err, "drawing.png ends in no format of drawings")
    assert not Path("drawing.png").exists()
