"""Data for the drawn specs: sets that come with Lockstep, generators, and numbers made up here."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.bits.decks import Decks
from benchmarks.bits.settings import BUILTINS, GENERATORS

ROWS = {"digits": 1797, "iris": 150, "wine": 178, "breast_cancer": 569, "diabetes": 442}
TARGETS = ["values", "classes", "sides", "shares"]
SOURCES: list[tuple[str, str]] = [
    *(("builtin", name) for name in ("digits", *BUILTINS)),
    *(("generator", name) for name in GENERATORS),
    *(("inline", targets) for targets in TARGETS * 3),
]

STANDARDIZED: tuple[dict[str, Any], ...] = ({}, {"standardize": True}, {}, {"standardize": False})
"""A word that is drawn rarely must not hang on what else there is to draw."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Data of a spec. `outputs`: how many numbers a model gives for each place of a row, for these targets.

    `targets`: "values", "classes", "sides" or "shares"; `logs`: whether shares are logarithms.
    """

    data: dict[str, Any]
    rows: int
    columns: int
    outputs: int
    targets: str
    logs: bool = False


def drawn_source(decks: Decks, places: int = 1) -> Source:
    """Any data; with several `places` for each row made-up numbers."""
    kind, name = decks.one_of("sources", SOURCES) if places == 1 else ("inline", "")
    if kind == "builtin":
        return builtin(decks, name)
    if kind == "generator":
        return _generated(decks, name)
    targets = name or decks.one_of("targets of places", TARGETS)
    return _made_up(decks, decks.number(3, 20), targets, places)


def builtin(decks: Decks, name: str) -> Source:
    """A set that comes with Lockstep."""
    columns, outputs, targets = BUILTINS[name]
    data = {"builtin": name, "standardize": decks.chance(0.7)}
    return Source(data=data, rows=ROWS[name], columns=columns, outputs=outputs, targets=targets)


def tokens(decks: Decks, places: int) -> Source:
    """Six whole numbers from 0 to 10 for each row."""
    source = _made_up(decks, 6, decks.one_of("targets of tokens", TARGETS), places)
    x = decks.random.integers(0, 11, (source.rows, 6)).tolist()
    inline = {"x": x, "y": source.data["inline"]["y"]}
    return replace(source, data={"inline": inline})


def with_gaps(decks: Decks, source: Source, ignored: int) -> Source:
    """The same data with a target here and there that doesn't count, if they are numbers made up here."""
    if "inline" not in source.data:
        return source
    y = np.array(source.data["inline"]["y"])
    y[decks.random.random(y.shape) < 0.1] = ignored
    inline = {"x": source.data["inline"]["x"], "y": y.tolist()}
    return replace(source, data={"inline": inline})


def _generated(decks: Decks, name: str) -> Source:
    columns, outputs, targets = GENERATORS[name]
    size = decks.number(60, 200)
    data: dict[str, Any] = {"generator": name, "size": size, "seed": decks.number(0, 99)}
    if name != "yin_yang" or decks.chance(0.5):
        data["noise"] = decks.number(0, 30) / 100
    if name in ("spiral", "blobs"):
        data["classes"] = outputs
    data |= decks.in_turn("standardize of generators", STANDARDIZED)
    return Source(data=data, rows=size, columns=columns, outputs=outputs, targets=targets)


def for_expression(decks: Decks, columns: int, targets: str) -> Source:
    """Of one output, with so many columns and such targets."""
    names = [name for name, known in GENERATORS.items() if known == (columns, 1, targets)]
    if decks.chance(0.4):
        return _generated(decks, decks.one_of(f"generators {targets}", names))
    rows = decks.one_of("rows of an expression", [3, 5, 8, 40])
    x = np.round(decks.random.normal(0, 1, (rows, columns)), 3).tolist()
    y = _targets(decks, targets, (rows, 1), 1)
    return Source(data={"inline": {"x": x, "y": y}}, rows=rows, columns=columns, outputs=1, targets=targets)


def _made_up(decks: Decks, columns: int, targets: str, places: int) -> Source:
    rows, outputs = decks.number(30, 90), decks.number(3, 5)
    logs = targets == "shares" and decks.chance(0.4)
    x = np.round(decks.random.normal(0, 1, (rows, columns)), 3).tolist()
    y = _targets(decks, "logs" if logs else targets, (rows, places), outputs)
    data = {"inline": {"x": x, "y": y}}
    return Source(data=data, rows=rows, columns=columns, outputs=outputs, targets=targets, logs=logs)


def _targets(decks: Decks, targets: str, shape: tuple[int, int], outputs: int) -> Any:
    """Of so many rows and places."""
    random = decks.random
    rows, places = shape
    if targets == "classes":
        return random.integers(0, outputs, shape).tolist()
    if targets == "sides":
        return random.integers(0, 2, (rows, places * outputs)).tolist()
    if targets == "values":
        return np.round(random.normal(0, 1, (rows, places * outputs)), 3).tolist()
    shares = np.round(random.dirichlet(np.full(outputs, 2.0), shape), 6).reshape(rows, places * outputs)
    return np.round(np.log(np.maximum(shares, 1e-5)), 6).tolist() if targets == "logs" else shares.tolist()
