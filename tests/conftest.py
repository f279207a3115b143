"""What every test starts from."""

from __future__ import annotations

import os

import pytest

from worker.main import pin_blas_threads

# As in a worker: with more threads BLAS gives other bits, and this process another numerics fingerprint.
pin_blas_threads()

pytest_plugins = ("tests.databases",)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine, nor a developer's .env, reaches a test."""
    from service.settings import Settings

    for name in list(os.environ):
        if name.startswith("LOCKSTEP_"):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
