"""The page below a path of a reverse proxy's, whether that takes the path off or leaves it on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.local_service import LocalService, Place, command, local_service, wait_until
from tests.system.browsing import Visit, is_drawn
from tests.system.page_jobs import LINE
from tests.system.proxy import proxied

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

PREFIX = "/teams/a"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service that knows the path."""
    folder = tmp_path_factory.mktemp("below")
    place = Place(cwd=folder, environment={"LOCKSTEP_ROOT_PATH": PREFIX})
    with local_service(Path("data"), workers=1, place=place) as running:
        wait_until(lambda: running.client.workers()["data"])
        yield running


@pytest.mark.parametrize(
    ("knows", "takes_off", "end"),
    [(True, True, ""), (True, True, "/"), (True, False, ""), (True, False, "/"), (False, True, "/")],
)
def test_the_page_works_below_a_path(
    browser: Browser, service: LocalService, told: LocalService, knows: bool, takes_off: bool, end: str
) -> None:
    behind = told if knows else service
    origin = behind.url.removesuffix(PREFIX)
    key = (behind.directory / "api-key").read_text().strip()
    job = behind.client.create_job(LINE)
    with proxied(origin, PREFIX, takes_off=takes_off) as url:
        visit = Visit(browser, behind)
        page = visit.page
        page.goto(f"{url}{end}#/?key={key}")
        page.locator(f"a[href='#/jobs/{job['id']}']").first.click()
        expect(page.locator(".job-title")).to_contain_text("succeeded")
        assert is_drawn(page)
        assert page.locator(".brand img").evaluate("image => image.naturalWidth") > 0
        page.get_by_role("link", name="Run again").click()
        page.get_by_role("button", name="Submit").click()
        expect(page.locator(".job-title")).to_contain_text("succeeded")
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Lockstep")
        answers = [asked.response() for asked in visit.requests]
        assert [answer.url for answer in answers if answer is not None and answer.status >= 400] == []
        visit.context.close()
    assert visit.complaints == []
    assert [asked.url for asked in visit.requests if not asked.url.startswith(url)] == []


def test_up_and_open_name_the_address_below_the_path(browser: Browser, told: LocalService) -> None:
    assert told.url.endswith(PREFIX)
    opened = subprocess.run(
        command("open", "--json", "--data-dir", str(told.directory)),
        capture_output=True,
        timeout=60,
        check=True,
    )
    visit = Visit(browser, told)
    visit.page.goto(json.loads(opened.stdout)["url"])
    visit.page.get_by_role("link", name="Workers").click()
    expect(visit.page.locator("tbody tr")).to_have_count(1)
    visit.context.close()
    assert [asked.url for asked in visit.requests if not asked.url.startswith(told.url)] == []


def test_services_of_one_origin_share_no_key(browser: Browser, service: LocalService) -> None:
    key = (service.directory / "api-key").read_text().strip()
    with proxied(service.url, "/teams", takes_off=True) as url:
        visit = Visit(browser, service)
        visit.page.goto(f"{url}/#/?key={key}")
        expect(visit.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        other = visit.context.new_page()
        other.goto(f"{url}/#/")
        expect(other.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        visit.context.route(
            "**/teams/b/**",
            lambda route: route.continue_(url=route.request.url.replace("/teams/b/", "/teams/")),
        )
        stranger = visit.context.new_page()
        stranger.goto(f"{url}/b/#/")
        expect(stranger.get_by_label("API key")).to_be_visible()
        visit.context.close()
