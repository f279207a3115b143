"""The list of jobs in a real browser: what it shows is in the address, and comes back with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.local_service import LocalService, wait_until
from tests.system.browsing import Visit, scrolls_sideways
from tests.system.page_jobs import LINE, finished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]


@pytest.fixture
def many(visit: Visit) -> Visit:
    """A list of more jobs than a page holds, all of them over."""
    client = visit.service.client
    if not client.list_jobs(name="page 44")["data"]:
        for number in range(45):
            client.create_job(
                {**LINE, "name": f"page {number}", "epochs": 1, "metadata": {"half": str(number % 2)}}
            )
        wait_until(lambda: client.queue()["jobs"]["queued"] + client.queue()["jobs"]["running"] == 0)
    return visit


def test_pages_are_in_the_address_and_back_goes_through_them(many: Visit) -> None:
    page = many.enter("/?name=page")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text("page 44")

    page.get_by_role("link", name="Next").click()
    expect(rows.first).to_contain_text("page 24")
    page.get_by_role("link", name="Next").focus()
    page.keyboard.press("Enter")
    expect(rows.first).to_contain_text("page 4")
    expect(rows).to_have_count(5)
    expect(page.get_by_role("link", name="Next")).to_be_disabled()
    address = page.url
    page.reload()
    expect(rows.first).to_contain_text("page 4")

    page.get_by_role("link", name="Before").click()
    expect(rows.first).to_contain_text("page 24")
    expect(page.get_by_text("page 2", exact=True)).to_be_visible()
    page.get_by_role("link", name="Before").click()
    expect(rows.first).to_contain_text("page 44")
    expect(page.get_by_role("link", name="Before")).to_be_disabled()
    for first in ("page 24", "page 4", "page 24"):
        page.go_back()
        expect(rows.first).to_contain_text(first)
    assert address.count("after=") == 1


def test_filters_search_and_order_are_in_the_address(many: Visit) -> None:
    page = many.enter()
    rows = page.locator("tbody tr")
    search = page.get_by_label("Search by name")
    search.press_sequentially("PAGE 1")
    expect(rows).to_have_count(11)
    expect(page).to_have_url(f"{many.service.url}/#/?name=PAGE+1")
    page.get_by_label("Sort").select_option("by name")
    expect(rows.nth(1)).to_contain_text("page 10")
    page.get_by_label("Metadata, as key=value").fill("half=0")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(5)
    status = page.get_by_role("group", name="Status")
    status.get_by_role("button", name="succeeded").click()
    status.get_by_role("button", name="failed").click()
    expect(rows).to_have_count(5)
    assert "succeeded%2Cfailed" in page.url

    rows.first.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("page 10")
    page.get_by_role("link", name="← Jobs").click()
    expect(rows).to_have_count(5)
    page.go_back()
    page.go_back()
    expect(rows).to_have_count(5)
    expect(search).to_have_value("PAGE 1")
    expect(status.get_by_role("button", name="failed")).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="Any half instead of 0").click()
    expect(rows).to_have_count(11)
    page.get_by_label("Kind").select_option("solve")
    expect(page.get_by_text("No job matches.")).to_be_visible()
    page.get_by_role("link", name="Show all jobs").click()
    expect(rows).to_have_count(20)
    page.goto(f"{many.service.url}/#/?status=queued")
    expect(page.get_by_text("No job has the status queued.")).to_be_visible()
    page.goto(f"{many.service.url}/#/nowhere")
    expect(page.get_by_text("There is no such page.")).to_be_visible()
    expect(page).to_have_title("No such page · Lockstep")
    page.get_by_role("main").get_by_role("link", name="All jobs").click()
    expect(page).to_have_title("Jobs · Lockstep")


def _rename(service: LocalService, names: dict[str, str]) -> None:
    """Give jobs names as older versions took them; a blank one is refused today."""
    with closing(sqlite3.connect(service.directory / "lockstep.db", timeout=10)) as store, store:
        for job_id, name in names.items():
            store.execute("UPDATE jobs SET name = ?, version = version + 1 WHERE id = ?", (name, job_id))


@pytest.mark.parametrize("width", [400, 1280, 1920])
def test_names_of_every_length_have_a_link_that_can_be_hit(visit: Visit, width: int) -> None:
    names = ["", "   ", "\u200b\u3164", "x" * 200, "w w" * 60]
    jobs = [finished(visit.service, {**LINE, "epochs": 1}) for _ in names]
    _rename(visit.service, {job["id"]: name for job, name in zip(jobs, names, strict=True)})
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.enter()
    for job in jobs:
        link = page.locator(f"a[href='#/jobs/{job['id']}']")
        expect(link).to_be_visible()
        box = link.bounding_box()
        assert box is not None
        assert box["width"] > 60
    assert not scrolls_sideways(page)
    page.locator(f"a[href='#/jobs/{jobs[2]['id']}']").click()
    expect(page.locator("h1")).to_have_text(jobs[2]["id"])
    visit.enter(f"/jobs/{jobs[3]['id']}")
    expect(page.locator("h1")).to_have_text("x" * 200)
    assert not scrolls_sideways(page)
