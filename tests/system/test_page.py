"""The page in a real browser, on a real service."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lockstep.service.client import WeightsFormat
from tests.system.browsing import Visit, is_drawn, scrolls_sideways
from tests.system.page_jobs import DIGITS, LINE, QUIET_MS, SLOWEST_MS, finished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]


def test_from_an_empty_list_to_a_trained_job(visit: Visit) -> None:
    page = visit.enter()
    expect(page).to_have_url(f"{visit.service.url}/#/")
    expect(page.get_by_text("No jobs yet.")).to_be_visible()
    expect(page.get_by_text("lockstep train job.json --watch")).to_be_visible()
    assert not scrolls_sideways(page)

    page.get_by_role("main").get_by_role("link", name="New job").click()
    text = page.get_by_label("The job as JSON")
    text.fill(json.dumps(LINE, indent=1).replace("0.1", "-0.1"))
    page.get_by_role("button", name="Check only").click()
    problem = page.get_by_role("button", name="/optimizer/learning_rate")
    expect(problem).to_contain_text("line ")
    problem.click()
    assert text.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "-0.1"

    text.fill(json.dumps(LINE))
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_text("This job can be submitted.")).to_be_visible()
    assert visit.service.client.list_jobs()["data"] == []
    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".job-title")).to_contain_text("succeeded")
    [job] = visit.service.client.list_jobs()["data"]
    expect(page.get_by_test_id("digest")).to_have_text(job["result"]["weights_sha256"])
    expect(page.get_by_text("2.00000078438591")).to_be_visible()
    assert is_drawn(page)


def test_text_that_is_not_json_is_explained_at_its_line(visit: Visit) -> None:
    page = visit.enter("/new")

    page.get_by_label("The job as JSON").fill('{\n "loss": "mse"\n "epochs": 3\n}')
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("button", name="line 2")).to_contain_text('expected "," or "}"')
    assert visit.asked("validate_only") == []


def test_a_wrong_key_is_said_to_be_wrong(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.service.url)
    field = page.get_by_label("API key")
    expect(field).to_be_focused()

    field.fill("lk_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")

    field.fill((visit.service.directory / "api-key").read_text().strip())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_running_job_is_followed_and_cancelled(visit: Visit) -> None:
    job = visit.service.client.create_job({**DIGITS, "name": "long", "epochs": 1_000_000, "workers": 2})
    page = visit.enter(f"/jobs/{job['id']}")
    expect(page.locator(".job-title")).to_contain_text("running")
    expect(page.locator(".curve-plot canvas")).to_be_visible()

    step = page.locator("dt:text-is('Step') + dd")
    first = step.inner_text()
    expect(step).not_to_have_text(first)
    expect(page.locator("dt:text-is('Speed') + dd")).to_have_text(re.compile(r"\d steps/s"))
    assert is_drawn(page)
    etags = [request.headers.get("if-none-match") for request in visit.asked(f"/v1/jobs/{job['id']}")]
    assert any(etags)
    assert visit.asked("since_step=")

    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Log").click()
    page.locator(".curve-plot").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Whole run")).to_be_enabled()
    assert is_drawn(page)
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Whole run")).to_be_disabled()

    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("button", name="Keep it going")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".job-title")).to_contain_text("running")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".job-title")).to_contain_text("cancelled")

    page.wait_for_timeout(QUIET_MS)
    visit.requests.clear()
    page.wait_for_timeout(QUIET_MS)
    assert visit.requests == []


def test_equal_jobs_on_other_numbers_of_workers_show_the_same_digest(visit: Visit) -> None:
    one, two = (finished(visit.service, {**DIGITS, "workers": workers}) for workers in (1, 2))
    page = visit.enter(f"/jobs/{one['id']}")

    expect(page.get_by_role("region", name="Same bits")).to_contain_text("Shards2")
    page.get_by_label("Compare with another job's digest").fill(two["result"]["weights_sha256"])
    expect(page.get_by_text("The same weights, bit for bit.")).to_be_visible()
    page.get_by_label("Compare with another job's digest").fill("0" * 64)
    expect(page.get_by_text("Different weights.")).to_be_visible()

    page.get_by_role("link", name="Run again").click()
    expect(page.get_by_label("The job as JSON")).to_have_value(re.compile('"name": "digits",[^$]*"seed": 3,'))


def test_weights_are_downloaded(visit: Visit) -> None:
    job = finished(visit.service, LINE)
    page = visit.enter(f"/jobs/{job['id']}")

    formats: tuple[WeightsFormat, ...] = ("safetensors", "npz", "json")
    for kind in formats:
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"{job['id']}.{kind}"
        assert Path(download.value.path()).read_bytes() == visit.service.client.weights(
            job["id"], format=kind
        )


def test_a_job_that_diverges_says_so(visit: Visit) -> None:
    job = finished(visit.service, {**LINE, "optimizer": {"type": "sgd", "learning_rate": 1.0}})
    page = visit.enter(f"/jobs/{job['id']}")

    expect(page.get_by_role("alert")).to_contain_text("diverged")
    expect(page.get_by_role("alert")).to_contain_text(job["error"]["message"])
    expect(page.get_by_role("button", name="Log")).to_have_attribute("aria-pressed", "true")
    assert is_drawn(page)


def test_an_unknown_job_leads_back_to_the_list(visit: Visit) -> None:
    page = visit.enter("/jobs/job_00000000000000000000000000")

    expect(page.get_by_text("There is no such job here.")).to_be_visible()
    page.get_by_role("link", name="All jobs", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_workers_are_listed(visit: Visit) -> None:
    page = visit.enter("/workers")

    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("All workers have the same numerics fingerprint")).to_be_visible()


def test_an_absent_service_is_said_and_survived(visit: Visit) -> None:
    page = visit.enter("/workers")
    expect(page.locator("tbody tr")).to_have_count(2)

    visit.context.set_offline(True)
    expect(page.get_by_text("The service does not answer")).to_be_visible(timeout=SLOWEST_MS)
    expect(page.locator("tbody tr")).to_have_count(2)

    visit.context.set_offline(False)
    expect(page.get_by_text("The service does not answer")).to_be_hidden(timeout=SLOWEST_MS)


def test_a_hidden_tab_asks_nothing(visit: Visit) -> None:
    job = visit.service.client.create_job({**DIGITS, "epochs": 1_000_000})
    page = visit.enter(f"/jobs/{job['id']}")
    expect(page.locator(".job-title")).to_contain_text("running")
    see = """state => {
      Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""

    page.evaluate(see, "hidden")
    page.wait_for_timeout(500)
    visit.requests.clear()
    page.wait_for_timeout(QUIET_MS)
    assert visit.requests == []

    with page.expect_request(lambda request: job["id"] in request.url):
        page.evaluate(see, "visible")
    visit.service.client.cancel(job["id"])


def test_a_narrow_screen_needs_no_sideways_scrolling(visit: Visit) -> None:
    job = finished(visit.service, DIGITS)
    page = visit.page
    page.set_viewport_size({"width": 400, "height": 900})
    page.emulate_media(color_scheme="dark")

    for path, heading in {
        "/": "Jobs",
        f"/jobs/{job['id']}": "digits",
        "/workers": "Workers",
        "/new": "New job",
    }.items():
        visit.enter(path)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        assert not scrolls_sideways(page), path
