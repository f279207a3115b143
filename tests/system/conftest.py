"""A service with the page, a browser, and a fresh tab for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.local_service import ROOT, LocalService, local_service, wait_until
from tests.system.browsing import Visit, missing, running_browser


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service with two workers, for all tests that break nothing of it."""
    with local_service(tmp_path_factory.mktemp("service") / "data") as running:
        wait_until(lambda: len(running.client.workers()["data"]) == 2)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not (ROOT / "service" / "dashboard" / "dist" / "index.html").is_file():
        missing("the page is not built; `make install` builds it")
    with running_browser() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, service: LocalService) -> Iterator[Visit]:
    visiting = Visit(browser, service)
    yield visiting
    visiting.context.close()
    assert visiting.complaints == []
    assert [r.url for r in visiting.requests if not r.url.startswith((service.url, "blob:"))] == []
