"""A browser for the tests of the page: a tab that remembers what it asked for and complained of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.local_service import LocalService

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str) -> NoReturn:
    """Skip for want of `what`; under CI nothing is skipped."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        missing(f"no browser here; install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A fresh tab, everything that it asked for and everything that it complained about."""

    def __init__(self, browser: Browser, service: LocalService) -> None:
        self.service = service
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def enter(self, path: str = "/") -> Page:
        """Open a page with the key in the address."""
        key = (self.service.directory / "api-key").read_text().strip()
        self.page.goto(f"{self.service.url}/#{path}{'&' if '?' in path else '?'}key={key}")
        expect(self.page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        return self.page

    def asked(self, part: str) -> list[Request]:
        """The requests whose address contains `part`."""
        return [request for request in self.requests if part in request.url]


def is_drawn(page: Page) -> bool:
    """Whether the curve's canvas holds anything."""
    return bool(
        page.evaluate(
            """() => {
              const canvas = document.querySelector(".curve-plot canvas");
              if (!canvas || !canvas.width) return false;
              const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              return pixels.some((value) => value !== 0);
            }"""
        )
    )


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
