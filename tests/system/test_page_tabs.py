"""What tabs of the page share and keep: the key, the focus, what was written, their memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.local_service import wait_until
from tests.system.browsing import Visit, scrolls_sideways
from tests.system.page_jobs import DIGITS, LINE, finished, unfinished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

HIDDEN_MS = 30_000
"""Longer than the pause between two looks of a tab that nobody sees."""
LOOKS = 20
MAX_GROWTH_BYTES = 1_200_000
"""A tab that keeps the tree of each look grows by 150,000 and more with each."""


def see(page: Page, state: str) -> None:
    page.evaluate(
        """state => {
          Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_a_new_tab_has_the_key_until_somebody_leaves(visit: Visit) -> None:
    job = finished(visit.service, LINE)
    page = visit.enter()
    with visit.context.expect_page() as opened:
        page.locator(f"a[href='#/jobs/{job['id']}']").click(modifiers=["Control"])
    other = opened.value
    expect(other.locator(".job-title")).to_contain_text("succeeded")
    assert "key" not in other.url
    typed = visit.context.new_page()
    typed.goto(f"{visit.service.url}/#/workers")
    expect(typed.get_by_role("heading", name="Workers")).to_be_visible()

    other.get_by_role("button", name="Leave").click()
    for tab in (page, other, typed):
        expect(tab.get_by_label("API key")).to_be_visible()
    last = visit.context.new_page()
    last.goto(visit.service.url)
    expect(last.get_by_label("API key")).to_be_visible()


def test_a_key_that_was_refused_is_forgotten_in_its_own_tab_alone(visit: Visit) -> None:
    page = visit.enter()
    other = visit.context.new_page()
    other.goto(f"{visit.service.url}/#/?key=lk_wrong")
    expect(other.get_by_role("alert")).to_contain_text("does not know this key")
    page.reload()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_a_hidden_tab_tells_of_the_end(visit: Visit) -> None:
    visit.context.grant_permissions(["notifications"])
    with unfinished(visit.service, DIGITS) as job_id:
        page = visit.page
        page.add_init_script(
            "window.told = []; const Real = window.Notification;"
            "window.Notification = class { constructor(title) { window.told.push(title); } };"
            "window.Notification.permission = 'granted';"
            "window.Notification.requestPermission = () => Real.requestPermission();"
        )
        visit.enter(f"/jobs/{job_id}")
        page.get_by_role("button", name="Notify at the end").click()
        expect(page.get_by_role("button", name="✓ Notify at the end")).to_be_visible()
        see(page, "hidden")
    wait_until(lambda: visit.service.client.job(job_id)["is_terminal"])
    expect(page).to_have_title(re.compile("^cancelled"), timeout=HIDDEN_MS)
    wait_until(lambda: page.evaluate("window.told") == ["digits: cancelled"])
    see(page, "visible")
    expect(page.get_by_text("It ended while you looked elsewhere")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("It ended while you looked elsewhere")).to_be_hidden()


def test_what_was_written_outlives_an_example(visit: Visit) -> None:
    page = visit.enter("/new")
    text = page.get_by_label("The job as JSON")
    text.fill('{"my": "own"}')
    page.get_by_role("button", name="Two moons").click()
    expect(text).to_have_value(re.compile("moons"))
    page.get_by_role("button", name="A line").click()
    text.fill('{"my": "second"}')
    page.get_by_role("button", name='{"my": "own"}').click()
    expect(text).to_have_value('{"my": "own"}')
    page.get_by_role("button", name='{"my": "second"}').click()
    expect(text).to_have_value('{"my": "second"}')


def test_the_focus_stays_where_something_was_pressed(visit: Visit) -> None:
    def focused() -> Any:
        return page.evaluate("document.activeElement.id || document.activeElement.textContent")

    with unfinished(visit.service, {**DIGITS, "name": "long"}) as job_id:
        page = visit.enter(f"/jobs/{job_id}")
        expect(page.locator(".curve-plot canvas").first).to_be_visible()
        page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("button", name="Whole run").click()
        expect(page.get_by_role("button", name="Whole run")).to_be_disabled()
        assert focused() == "Whole run"
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Keep it going").click()
        assert focused() == "Cancel"
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(page.locator(".job-title")).to_contain_text("cancelled")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("link", name="← Jobs").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("link", name="Next").or_(page.get_by_role("button", name="queued")).first.click()
    assert focused() != ""


@pytest.mark.parametrize("width", [400, 1280, 1920])
def test_metrics_by_class_stay_in_their_card(visit: Visit, width: int) -> None:
    metrics = ["precision", "recall", "f1", "confusion_matrix"]
    metadata = {"k" * 64: "v" * 500}
    job = finished(visit.service, {**DIGITS, "name": "n" * 200, "metrics": metrics, "metadata": metadata})
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_text("Metrics by class").click()
    page.get_by_text("As JSON", exact=True).click()
    assert not scrolls_sideways(page)


def test_a_wide_screen_is_used(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1920, "height": 1000})
    for path in ("/", f"/jobs/{finished(visit.service, LINE)['id']}", "/new"):
        page = visit.enter(path)
        box = page.locator("main").bounding_box()
        assert box is not None
        assert box["width"] > 1700


def test_a_tab_that_watches_does_not_grow(visit: Visit) -> None:
    tab = visit.context.new_cdp_session(visit.page)
    tab.send("HeapProfiler.enable")

    def held() -> int:
        for _ in range(2):
            tab.send("HeapProfiler.collectGarbage")
        used: int = tab.send("Runtime.getHeapUsage")["usedSize"]
        return used

    with unfinished(visit.service, DIGITS) as job_id:
        page = visit.enter(f"/jobs/{job_id}")

        def look(times: int) -> None:
            for _ in range(times):
                with page.expect_response(lambda answer: answer.url.endswith(job_id)):
                    pass

        look(10)
        before = held()
        look(LOOKS)
        after = []
        for _ in range(5):  # what a curve or an answer holds for a moment is no growth
            look(1)
            after.append(held())
        assert min(after) - before < MAX_GROWTH_BYTES
