"""What happened inside a job, as lines: series, events, gradients, a walk, a graph. Prints nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lockstep.service.commands.columns import Column, plain
from lockstep.service.commands.jobs import number

JsonObject = Mapping[str, Any]
MAX_VALUES = 4
"""Longer lists are told by their shape and norm."""

SERIES_COLUMNS = (
    Column(heading="series"),
    *(
        Column(heading=heading, is_right=True)
        for heading in ("points", "first", "least", "greatest", "last", "at step")
    ),
)
GRADIENT_COLUMNS = (
    Column(heading="parameter"),
    Column(heading="shape"),
    Column(heading="norm", is_right=True),
)


def series_row(name: str, series: JsonObject) -> Sequence[str]:
    """A series in a line, from at most two points or buckets of it."""
    values = series["values"]
    finite = [float(value) for value in values if not isinstance(value, str)]
    lows = [float(value) for value in series.get("min", finite)]
    highs = [float(value) for value in series.get("max", finite)]
    return (
        name,
        f"{sum(series.get('count', [1] * len(values))):,}",
        number(values[0], digits=4),
        number(_best(min, lows), digits=4),
        number(_best(max, highs), digits=4),
        number(values[-1], digits=4),
        f"{series['steps'][-1]:,}",
    )


def points_table(series: Mapping[str, JsonObject]) -> tuple[list[Column], list[Sequence[str]]]:
    """The points of some series by their steps; a bucket by its mean and its range."""
    columns = [Column(heading="step", is_right=True)]
    cells: dict[int, dict[str, str]] = {}
    for name, points in series.items():
        is_bucketed = "mean" in points
        headings = [f"{name} mean", f"{name} least", f"{name} greatest"] if is_bucketed else [name]
        columns += [Column(heading=heading, is_right=True) for heading in headings]
        shown = [points[key] for key in ("mean", "min", "max")] if is_bucketed else [points["values"]]
        for heading, values in zip(headings, shown, strict=True):
            for step, value in zip(points["steps"], values, strict=True):
                cells.setdefault(step, {})[heading] = number(value)
    rows: list[Sequence[str]] = [
        [f"{step:,}", *(row.get(column.heading, "") for column in columns[1:])]
        for step, row in sorted(cells.items())
    ]
    return columns, rows


def event_line(event: JsonObject) -> str:
    """When, how grave, what."""
    moment = str(event["created_at"])[:19].replace("T", " ")
    grave = "" if event["level"] == "info" else f"{event['level']}: "
    details = ", ".join(
        f"{name} {value}"
        for name, value in event["data"].items()
        if value is not None
        and not isinstance(value, dict | list)
        and event["type"] not in ("status", "finding", "verified")
    )
    said = plain(f"{grave}{event['message']}" + (f" ({details})" if details else ""))
    return f"{moment}  {event['type']:<14} {said}"


def gradient_row(name: str, gradient: object, norm: object) -> Sequence[str]:
    """A parameter's gradient by its shape and norm."""
    return (name, " x ".join(map(str, _shape(gradient))) or "one number", number(norm))


def walk_lines(walk: JsonObject) -> Iterator[str]:
    """Each value on the way to the loss, then each step of the chain rule back."""
    about = "" if walk.get("loss") is None else f", loss {brief(walk['loss'])}"
    yield f"step {walk['step']:,}, row {walk['sample']}{about}"
    yield "forward"
    # A constant is its own name: "2 = 2" tells nothing.
    for value in (each for each in walk["forward"] if each["kind"] != "constant"):
        yield f"  {value['formula'] or value['name']} = {brief(value['value'])}"
    yield "back"
    for step in walk["backward"]:
        yield f"  {step['name']}: {brief(step['gradient'])} comes in"
        for each in step["inputs"]:
            derivative = each["derivative"]
            slope = "" if derivative["value"] is None else f" = {brief(derivative['value'])}"
            yield f"    to {each['name']}: {derivative['formula']}{slope}; {brief(each['gradient'])} goes on"
    yield "gradients"
    for name, gradient in walk["gradients"].items():
        yield f"  {name}: {brief(gradient)}"


def graph_lines(content: bytes) -> Iterator[str]:
    """A node in a line, in the order in which they are computed."""
    nodes = json.loads(content)["nodes"]
    names = {node["id"]: node["name"] for node in nodes}
    for node in nodes:
        shape = f" [{' x '.join(map(str, node['shape']))}]" if node["shape"] else ""
        inputs = ", ".join(f"{at} {names[at]}" for at in node["inputs"])
        what = f"{node['op']} of {inputs}" if inputs else node["kind"]
        values = "".join(
            f"; {word} {brief(node[key])}"
            for key, word in (("value", "value"), ("gradient", "gradient"))
            if node.get(key) is not None
        )
        yield f"{node['id']:>4} {node['name']}{shape}: {what}{values}"


def brief(value: object) -> str:
    """A number, a short list, or a large array by its shape and norm."""
    if isinstance(value, Mapping):
        return f"{' x '.join(map(str, value['shape']))} numbers, norm {number(value['norm'])}"
    if not isinstance(value, list):
        return number(value)
    flat = [float(each) for each in _flat(value)]
    if len(flat) <= MAX_VALUES:
        return f"[{', '.join(map(number, flat))}]"
    norm = sum(each * each for each in flat) ** 0.5
    return f"{' x '.join(map(str, _shape(value)))} numbers, norm {number(norm)}"


def _flat(value: object) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _shape(value: object) -> list[int]:
    return [len(value), *_shape(value[0] if value else None)] if isinstance(value, list) else []


def _best(choose: Callable[[Sequence[float]], float], values: Sequence[float]) -> float | None:
    finite = [value for value in values if not math.isnan(value)]
    return choose(finite) if finite else None
