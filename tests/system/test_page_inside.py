"""What the page shows of the inside of a job, in a real browser on a real service."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.system.browsing import Visit, scrolls_sideways
from tests.system.page_jobs import DIGITS, LINE, QUIET_MS, SLOWEST_MS, finished, unfinished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

SIGMOIDS = [{"type": "linear", "in": 32, "out": 32}, {"type": "sigmoid"}] * 8
DEEP = {
    **DIGITS,
    "name": "deep",
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 32},
            {"type": "sigmoid"},
            *SIGMOIDS,
            {"type": "linear", "in": 32, "out": 10},
        ]
    },
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "epochs": 20,
}
"""Too many sigmoids one after another: hardly any gradient reaches the first."""


def test_other_series_are_asked_for_while_they_are_open(visit: Visit) -> None:
    with unfinished(visit.service, DEEP) as job_id:
        page = visit.enter(f"/jobs/{job_id}")
        card = page.get_by_role("region", name="Inside the training")
        group = card.get_by_role("button", name="Gradient norm")
        expect(group).to_be_visible()
        assert not visit.asked("gradient_norm")

        group.click()
        expect(card.locator(".legend")).to_contain_text("18 linear")
        expect(card.get_by_role("button", name="Log")).to_have_attribute("aria-pressed", "true")
        card.get_by_role("button", name="Linear", exact=True).click()
        expect(card.locator("canvas")).to_be_visible()
        page.wait_for_timeout(QUIET_MS)
        assert any("since_step=" in request.url for request in visit.asked("gradient_norm"))

        group.click()
        expect(card.locator("canvas")).to_be_hidden()
        visit.requests.clear()
        page.wait_for_timeout(QUIET_MS)
        assert not visit.asked("gradient_norm")


def test_findings_are_told_in_words(visit: Visit) -> None:
    page = visit.enter(f"/jobs/{finished(visit.service, DEEP)['id']}")

    told = page.get_by_role("region", name="Findings")
    expect(told).to_contain_text("vanishing gradients")
    expect(told).to_contain_text("Try relu in place of sigmoid")
    expect(told).to_contain_text("The same holds for layers 2, 4")


def test_a_step_is_explained_once_a_worker_is_free(visit: Visit) -> None:
    job = finished(visit.service, LINE)
    alone = {**DIGITS, "shards": 1}
    page = visit.page
    page.set_viewport_size({"width": 400, "height": 900})
    visit.enter(f"/jobs/{job['id']}")
    card = page.get_by_role("region", name="Model")
    drawing = card.get_by_role("img")
    expect(drawing).to_have_js_property("complete", True)
    assert drawing.evaluate("image => image.naturalWidth") > 0

    with unfinished(visit.service, alone), unfinished(visit.service, alone):
        card.get_by_label("Explain step").fill("3")
        card.get_by_role("button", name="Explain", exact=True).click()
        expect(card).to_contain_text("Step 3: all workers are busy", timeout=SLOWEST_MS)
    expect(card.get_by_role("row", name="a 0.287")).to_be_visible()

    card.get_by_role("button", name="Through and back").click()
    expect(card.get_by_role("list", name="Back", exact=True)).to_contain_text("∂loss/∂r = 2 r / n")
    expect(drawing).to_have_attribute("alt", re.compile("of row 0 at step 3"))
    assert not scrolls_sideways(page)
