"""The page offers to train a job again, and shows whether the weights are the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.system.browsing import Visit
from tests.system.page_jobs import DIGITS, LINE, SLOWEST_MS, finished, unfinished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]


def test_a_job_is_verified_on_other_workers(visit: Visit) -> None:
    job = finished(visit.service, DIGITS)
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_role("button", name="Verify").click()
    dialog = page.get_by_role("dialog", name="Verify this job")
    chaos = dialog.get_by_label("Send helpers away")
    workers = dialog.get_by_label("Workers, at most 2")
    expect(workers).to_have_value("2")
    workers.fill("1")
    expect(chaos).to_be_disabled()
    workers.fill("2")
    chaos.check()

    dialog.get_by_role("button", name="Train it again").click()

    expect(page.get_by_text("The same weights, bit for bit.")).to_be_visible(timeout=SLOWEST_MS)
    expect(page).not_to_have_url(re.compile(job["id"]))
    expect(page.get_by_test_id("digest")).to_have_text(job["result"]["weights_sha256"])
    (asked,) = visit.asked("/verify")
    assert asked.post_data_json == {"workers": 2, "chaos": True}
    page.get_by_role("link", name=job["id"]).click()
    expect(page).to_have_url(re.compile(job["id"]))
    expect(page.get_by_text("Verifies")).to_have_count(0)


def test_a_formula_is_verified_on_one_worker(visit: Visit) -> None:
    job = finished(visit.service, LINE)
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_role("button", name="Verify").click()
    dialog = page.get_by_role("dialog", name="Verify this job")
    expect(dialog.get_by_label("Workers, at most 1")).to_have_value("1")

    dialog.get_by_role("button", name="Train it again").click()

    expect(page.get_by_text("The same weights, bit for bit.")).to_be_visible(timeout=SLOWEST_MS)


def test_a_job_that_runs_offers_nothing_to_verify(visit: Visit) -> None:
    with unfinished(visit.service, DIGITS) as job_id:
        page = visit.enter(f"/jobs/{job_id}")
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        expect(page.get_by_role("button", name="Verify")).to_have_count(0)
