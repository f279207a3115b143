"""Settings come from variables, and .env.example tells the truth about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from lockstep.service.own_address import own_address
from lockstep.service.settings import (
    ENV_FILE_VARIABLE,
    EXAMPLE_API_KEY,
    Settings,
    SettingsError,
    read_settings,
)

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_example_lists_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.findall(r"^LOCKSTEP_(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert {name.lower() for name, _ in lines} == set(Settings.model_fields)
    assert dict(lines)["API_KEY"] == EXAMPLE_API_KEY
    for name, value in lines:
        monkeypatch.setenv(f"LOCKSTEP_{name}", value)
    example = Settings()
    assert example.uses_example_key()
    assert example.model_copy(update={"api_key": None}) == Settings.model_validate({"api_key": None})


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(
        "LOCKSTEP_PORT=1\nLOCKSTEP_HOST=x\nPOSTGRES_PASSWORD=other programs' too\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENV_FILE_VARIABLE)
    monkeypatch.setenv("LOCKSTEP_PORT", "2")
    assert (read_settings().port, read_settings().host) == (2, "x")
    assert read_settings(from_file=False).host == "127.0.0.1"
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    assert read_settings().host == "127.0.0.1"


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings"
    file.write_bytes(b"\xef\xbb\xbfLOCKSTEP_HOST=z\xc3\xbcrich\r\n")
    monkeypatch.setenv(ENV_FILE_VARIABLE, str(file))
    assert read_settings().host == "zürich"


UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "latin-1": (b"LOCKSTEP_PORT=1\nLOCKSTEP_HOST=z\xfc", "not UTF-8 text (line 2)"),
    "directory": (None, "can't be read (Is a directory)"),
    "value": (b"LOCKSTEP_PORT=many", "LOCKSTEP_PORT (in "),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("named", [True, False])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, named: bool
) -> None:
    content, words = UNREADABLE[kind]
    file = tmp_path / ("settings" if named else ".env")
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    if named:
        monkeypatch.setenv(ENV_FILE_VARIABLE, str(file))
    else:
        monkeypatch.delenv(ENV_FILE_VARIABLE)

    with pytest.raises(SettingsError) as refusal:
        read_settings()

    assert words in str(refusal.value)
    assert str(file) in str(refusal.value)


def test_a_file_that_is_named_and_not_there_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "nowhere.env")
    with pytest.raises(SettingsError, match=r"nowhere\.env, which is not there"):
        read_settings()


BROKERS = {
    "http://h": "starts with http",
    "memory://": "starts with memory",
    "h": "starts with none",
    "redis://h:port/0": "got a port",
    "redis://h:70000/0": "got a port",
    "rediss://h/first": "got 'first'",
    "redis://u:hidden@h/-1": "got '-1'",
    "redis://u:a/hidden@h/0": "%2F",
    "rediss://u:1/hidden@h/0": "%2F",
    "redis://u:1?hidden@h/0": "%3F",
    "redis://u:1#hidden@h/0": "%23",
}


@pytest.mark.parametrize("address", BROKERS)
def test_an_address_of_no_broker_is_a_message(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("LOCKSTEP_BROKER_URL", address)

    with pytest.raises(SettingsError, match="LOCKSTEP_BROKER_URL") as refusal:
        read_settings()

    assert BROKERS[address] in str(refusal.value)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        "redis://",
        "redis://u:p@h:1/2",
        "rediss://[::1]/0?ssl_ca_certs=a",
        "redis+socket:///a%20b?virtual_host=0",
        "sentinel://a:1;sentinel://b:2",
    ],
)
def test_brokers_of_every_kind_are_taken(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("LOCKSTEP_BROKER_URL", address)

    assert read_settings().broker_url == address


def test_a_wrong_variable_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_PORT", "many")
    with pytest.raises(SettingsError, match=r"LOCKSTEP_PORT \(a variable of the environment\)"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "x"),
        ("LEASE_SECONDS", "0"),
        ("RENEW_SECONDS", "-1"),
        ("LEASE_SECONDS", "3"),
        ("API_KEY", "short"),
        ("API_KEY", "with a space"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", ""),
    ],
)
def test_wrong_values_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LOCKSTEP_{name}", value)
    with pytest.raises(SettingsError, match=f"LOCKSTEP_{name}") as refusal:
        read_settings()
    assert value not in str(refusal.value) or name != "API_KEY"


@pytest.mark.parametrize("value", ["many", "", "nan", "-1", "1e99", "1" * 5000, "{x}", "loud", "a b", "/a/"])
def test_what_is_wrong_in_any_setting_is_said_in_words(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"LOCKSTEP_{name.upper()}", value)
    with pytest.raises(SettingsError) as refusal:
        read_settings()

    _, *lines = str(refusal.value).splitlines()
    taken = ("PORT", "SECONDS", "BYTES", "LEVEL")
    assert {line.split()[0] for line in lines} >= {
        f"LOCKSTEP_{name.upper()}" for name in Settings.model_fields if name.upper().endswith(taken)
    }
    for line in lines:
        assert re.search(r"^  LOCKSTEP_\w+ .*: expected .+, got .+", line), line
        assert not re.search("should|must|valid|String|Value error", line), line
        assert len(line) < 400


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_API_KEY", "")
    assert Settings().api_key is None


def test_the_key_is_not_shown() -> None:
    assert "hidden-key" not in repr(Settings(api_key=SecretStr("hidden-key")))


def test_host_names() -> None:
    assert Settings(host="10.0.0.1").host_names() is None
    assert Settings(host="127.0.0.1", allowed_hosts="*").host_names() is None
    assert Settings(host="127.0.0.1", allowed_hosts="A.example, b").host_names() == ("a.example", "b")
    names = Settings(host="::1").host_names()
    assert names is not None
    assert "localhost" in names


def test_group_address() -> None:
    assert Settings(group_host="10.1.2.3").group_address() == "10.1.2.3"
    assert Settings(group_host="auto").group_address() == own_address()
