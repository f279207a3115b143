"""What a curve draws, compared with every point of the history, pixel by pixel."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.system.browsing import Visit
from tests.system.page_jobs import finished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

ROWS, EPOCHS = 500, 10
CHANCE = random.Random(1)
NOISY = {
    "name": "noisy",
    "model": {"expression": "a*x", "parameters": {"a": 0}},
    "data": {"inline": {"x": [1.0] * ROWS, "y": [CHANCE.gauss(0, 1) ** 3 + 0.3 for _ in range(ROWS)]}},
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 1e-9},
    "epochs": EPOCHS,
    "batch_size": 1,
    "seed": 3,
}
"""5,000 steps whose losses stand still but for their noise, which is far from even about its mean."""
TOP, BOTTOM = 12, 32
"""Pixels of the plot above and below the curve itself."""
LINE_COLOR = (15, 118, 110)
NEAR_PIXELS = 3.0


def rows_of_line(page: Page) -> list[float | None]:
    """For each column of the curve's pixels, the middle of those of the bold line's colour."""
    found: list[float | None] = page.evaluate(
        """color => {
          const canvas = document.querySelector(".curve-plot canvas");
          const {width, height} = canvas;
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          return Array.from({length: width}, (_, x) => {
            const rows = [];
            for (let y = 0; y < height; y += 1) {
              const at = 4 * (y * width + x);
              const isLine = color.every((c, i) => Math.abs(pixels[at + i] - c) < 25);
              if (isLine && pixels[at + 3] > 200) rows.push(y);
            }
            return rows.length ? rows.reduce((a, b) => a + b) / rows.length + 0.5 : null;
          });
        }""",
        list(LINE_COLOR),
    )
    return found


def axis_of(page: Page) -> tuple[float, float]:
    """The first and the last column of the curve."""
    box = page.locator(".curve-plot .u-over").bounding_box()
    whole = page.locator(".curve-plot canvas").bounding_box()
    assert box is not None
    assert whole is not None
    return box["x"] - whole["x"], box["width"]


@pytest.mark.parametrize("scale", ["Linear", "Log"])
def test_the_bold_line_is_the_mean_of_every_point(visit: Visit, scale: str) -> None:
    job = finished(visit.service, NOISY)
    every: list[float] = visit.service.client.history(job["id"], series=["loss"])["series"]["loss"]["values"]
    assert len(every) == ROWS * EPOCHS
    page = visit.enter(f"/jobs/{job['id']}")
    page.get_by_role("button", name="epoch loss").click()
    page.get_by_role("button", name=scale, exact=True).click()
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)

    rows = rows_of_line(page)
    left, width = axis_of(page)
    height = int(page.locator(".curve-plot canvas").evaluate("canvas => canvas.height")) - TOP - BOTTOM
    low, high = limits(every, scale)
    as_drawn = math.log10 if scale == "Log" else float
    checked = 0
    for column in range(20, int(width) - 20, 7):
        # A steep line has no pixel of its full colour in some columns.
        row = next(filter(None, rows[int(left) + column : int(left) + column + 3]), None)
        step = column / width * (len(every) - 1)
        reach = min(len(every) / 100, step)
        near = every[math.ceil(step - reach) : math.floor(step + reach) + 1]
        mean = sum(near) / len(near)
        wanted = TOP + height * (as_drawn(high) - as_drawn(mean)) / (as_drawn(high) - as_drawn(low))
        # A bucket at either end of the stretch is in it whole or not at all, with the largest of its points.
        slack = NEAR_PIXELS + abs(as_drawn(mean + 2 * max(near) / len(near)) - as_drawn(mean)) * height / (
            as_drawn(high) - as_drawn(low)
        )
        assert row is not None, column
        assert abs(row - wanted) < slack, (column, row, wanted)
        checked += 1
    assert checked > 50


def limits(values: list[float], scale: str) -> tuple[float, float]:
    """The ends of the value axis, as parts/scales.ts chooses them."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low)
    return (low / 1.3, high * 1.3) if scale == "Log" else (max(0.0, low - room), high + room)


def test_the_pointer_reads_the_mean_and_the_range_of_its_bucket(visit: Visit) -> None:
    job = finished(visit.service, NOISY)
    client = visit.service.client
    loss: dict[str, Any] = client.history(job["id"], series=["loss"], max_points=2000)["series"]["loss"]
    page = visit.enter(f"/jobs/{job['id']}")
    expect(page.locator(".curve-plot canvas")).to_be_visible()
    box = page.locator(".curve-plot .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    said = page.locator(".legend")
    expect(said).to_contain_text("mean")
    step = int("".join(filter(str.isdigit, page.locator(".legend-step").inner_text())))
    at = max(place for place, each in enumerate(loss["steps"]) if each <= step)
    numbers = page.evaluate("[...document.querySelectorAll('.legend .mono')].map(one => one.textContent)")
    mean, low_high = numbers[0], numbers[1]
    low, high = low_high.split(" to ")
    for text, value in ((mean, loss["mean"][at]), (low, loss["min"][at]), (high, loss["max"][at])):
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3)
