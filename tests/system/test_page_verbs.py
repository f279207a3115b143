"""What a user does to a job on the page, by mouse and by keyboard: pause, resume, clone, edit, delete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lockstep.service.client import ApiError
from tests.system.browsing import Visit
from tests.system.page_jobs import DIGITS, SLOWEST_MS, finished, unfinished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]


def press(page: Page, name: str) -> None:
    """Press a button by the keyboard alone."""
    button = page.get_by_role("button", name=name, exact=True)
    button.focus()
    page.keyboard.press("Enter")


def test_a_job_is_paused_resumed_cancelled_and_deleted_by_the_keyboard(visit: Visit) -> None:
    job_id = visit.service.client.create_job({**DIGITS, "name": "long", "epochs": 1_000_000})["id"]
    page = visit.enter(f"/jobs/{job_id}")
    title = page.locator(".job-title")
    expect(title).to_contain_text("running", timeout=SLOWEST_MS)

    press(page, "Pause")
    expect(title).to_contain_text("paused", timeout=SLOWEST_MS)
    # Who pressed it stands on what takes it back.
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_focused()
    step = visit.service.client.job(job_id)["progress"]["step"]
    assert step > 0
    page.keyboard.press("Enter")
    expect(title).to_contain_text("running", timeout=SLOWEST_MS)
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("paused")

    press(page, "Cancel")
    page.get_by_role("button", name="Cancel the job").focus()
    page.keyboard.press("Enter")
    expect(title).to_contain_text("cancelled", timeout=SLOWEST_MS)
    expect(page.get_by_role("button", name="Pause", exact=True)).to_have_count(0)
    assert visit.service.client.job(job_id)["progress"]["step"] >= step

    press(page, "Delete")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="long")).to_have_count(0)
    with pytest.raises(ApiError, match="no job has the id"):
        visit.service.client.job(job_id)


def test_name_and_priority_are_edited(visit: Visit) -> None:
    job = finished(visit.service, DIGITS)
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_role("button", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog", name="Edit this job")
    expect(dialog.get_by_label("Name")).to_have_value("digits")
    expect(dialog.get_by_label("Priority")).to_have_value("0")

    dialog.get_by_label("Name").fill("numbers")
    dialog.get_by_label("Priority").fill("7")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="numbers")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page.locator("dt:text-is('Priority') + dd")).to_have_text("7")
    (asked,) = [request for request in visit.requests if request.method == "PATCH"]
    assert asked.post_data_json == {"name": "numbers", "priority": 7}
    assert visit.service.client.job(job["id"])["priority"] == 7


def test_a_job_is_cloned_with_a_change(visit: Visit) -> None:
    job = finished(visit.service, DIGITS)
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_role("button", name="Clone", exact=True).click()
    dialog = page.get_by_role("dialog", name="Clone this job")

    dialog.get_by_label("Changes").fill('{"epochs": 0}')
    dialog.get_by_role("button", name="Clone it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("/epochs: ")
    dialog.get_by_label("Changes").fill('{"epochs": 3, "name": "shorter"}')
    dialog.get_by_role("button", name="Clone it").click()

    expect(page.get_by_role("heading", name="shorter")).to_be_visible()
    expect(page).not_to_have_url(re.compile(job["id"]))
    expect(page.locator(".job-id")).to_contain_text("cloned from")
    page.get_by_role("link", name=job["id"]).click()
    expect(page).to_have_url(re.compile(job["id"]))


def test_paused_jobs_have_a_filter(visit: Visit) -> None:
    with unfinished(visit.service, {**DIGITS, "name": "aside"}) as job_id:
        visit.service.client.pause(job_id)
        page = visit.enter("/")
        page.get_by_role("button", name="paused", exact=True).click()

        expect(page.get_by_role("link", name="aside")).to_be_visible(timeout=SLOWEST_MS)
        expect(page).to_have_url(re.compile("status=paused"))
