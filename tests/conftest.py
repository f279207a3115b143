"""What every test starts from."""

from __future__ import annotations

import os

import pytest

from lockstep.worker.main import pin_blas_threads

# As in a worker: with more threads BLAS gives other bits, and this process another numerics fingerprint.
pin_blas_threads()

pytest_plugins = ("tests.databases",)


SERVICE = ("test_page", "test_page_inside", "test_cli")
"""The modules that share one service; the first begins with an empty one."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks at the groups in a hook of the same name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with real processes come first: they wait a lot and last long, so no stream should end with them.

    Where tests run in several streams, all of a group run in one; those without a group run in any.
    """

    def place(item: pytest.Item) -> int:
        if item.path.parent.name != "system":
            return len(SERVICE) + 1
        return SERVICE.index(item.path.stem) if item.path.stem in SERVICE else len(SERVICE)

    for item in items:
        if item.path.parent.name == "system":
            group = "service" if item.path.stem in SERVICE else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=place)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine, nor a developer's .env, reaches a test."""
    from lockstep.service.settings import ENV_FILE_VARIABLE

    for name in list(os.environ):
        if name.startswith("LOCKSTEP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
