"""The documents about metrics name those that there are, all of them, and rules ask for nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from lockstep.service.metrics import GAUGES, Gauge
from lockstep.service.store.counted import COUNTED
from lockstep.service.store.counters import Counter, Histogram

EVERY: tuple[Gauge | Counter, ...] = (*GAUGES, *COUNTED)
DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(lockstep_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.MULTILINE)
RULE = re.compile(
    r"^      - alert: (\w+)\n        expr: (.+)\n(?:        for: \d+m\n)?"
    r"        labels: \{severity: (?:page|ticket)\}\n        annotations: \{summary: \"(.+)\"\}$",
    re.MULTILINE,
)
SELECTED = re.compile(r"\b(lockstep_\w+)(?:\{(\w+)[=~]+)?")


def kind(each: Gauge | Counter) -> str:
    return "gauge" if isinstance(each, Gauge) else "histogram" if isinstance(each, Histogram) else "counter"


def test_the_table_of_metrics_is_the_catalogue() -> None:
    rows = ROW.findall((DOCS / "operations.md").read_text())

    assert rows == [
        (each.name, kind(each), ", ".join(f"`{label}`" for label in each.labels), each.words)
        for each in EVERY
    ]


def test_alert_rules_ask_for_metrics_and_labels_that_there_are() -> None:
    text = (DOCS / "alerts.yml").read_text()
    rules = RULE.findall(text)
    assert len(rules) == text.count("- alert:") >= 10
    labels: dict[str, tuple[str, ...]] = {each.name: each.labels for each in EVERY}
    labels |= {f"{each.name}_bucket": each.labels for each in COUNTED if isinstance(each, Histogram)}

    for alert, expression, _ in rules:
        found = SELECTED.findall(expression)
        assert found, alert
        for name, label in found:
            assert name in labels, alert
            assert not label or label in labels[name], alert
        assert expression.count("(") == expression.count(")"), alert
