"""What every test starts from."""

from __future__ import annotations

import gc
import os

import pytest

from lockstep.worker.main import pin_blas_threads

# As in a worker: with more threads BLAS gives other bits, and this process another numerics fingerprint.
pin_blas_threads()

pytest_plugins = ("tests.databases", "tests.streams")


def pytest_collection_finish() -> None:
    """What was imported and collected lives to the end: no search for garbage need go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine, nor a developer's .env, reaches a test."""
    from lockstep.service.settings import ENV_FILE_VARIABLE

    for name in list(os.environ):
        if name.startswith("LOCKSTEP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
