"""Tables that fit a terminal: a number is never cut or broken; only text is, and says so."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

GAP = "  "
MIN_TEXT = 8
"""A text is cut to no less than this before a table is given up for one entry on several lines."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column. `is_text` ones may be cut; the others hold numbers, ids and single words."""

    heading: str
    is_text: bool = False
    is_right: bool = False


def terminal_width() -> int | None:
    """Cells of the terminal that the output goes to; None where it goes elsewhere."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # None where a shell has closed it
    return shutil.get_terminal_size().columns if is_terminal else None


def table_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """A table as lines of at most `width` cells.

    What is too wide even with its texts cut has each row on several lines: the first cell, then the others,
    each behind its heading.
    """
    rows = [[plain(cell) for cell in row] for row in rows]
    headings = [column.heading for column in columns]
    wanted = [max(map(cell_len, cells)) for cells in zip(headings, *rows, strict=True)]
    widths = _fitted(columns, wanted, width)
    if widths is None:
        return [line for row in rows for line in _stacked(columns, row, width or 0)]
    return [GAP.join(map(_cell, row, columns, widths)).rstrip() for row in (headings, *rows)]


def wrapped(line: str, width: int | None) -> list[str]:
    """A line as lines of at most `width` letters, broken between words alone: a number stays whole."""
    if width is None or len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def plain(text: str) -> str:
    """A text that a terminal shows as it is: one line, without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def cut(text: str, width: int) -> str:
    """At most `width` cells of a text; a cut one ends in an ellipsis."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _fitted(columns: Sequence[Column], wanted: Sequence[int], width: int | None) -> list[int] | None:
    """A width for each column; None where they do not fit."""
    fitted = list(wanted)
    over = 0 if width is None else sum(wanted) + len(GAP) * (len(columns) - 1) - width
    for at, column in enumerate(columns):
        if over > 0 and column.is_text:
            least = max(min(fitted[at], MIN_TEXT), cell_len(column.heading))
            taken = min(over, fitted[at] - least)
            fitted[at], over = fitted[at] - taken, over - taken
    return None if over > 0 else fitted


def _cell(text: str, column: Column, width: int) -> str:
    short = cut(text, width)
    space = " " * (width - cell_len(short))
    return space + short if column.is_right else short + space


def _stacked(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    first, *others = row
    lines, line = [f"{columns[0].heading} {first}" if columns[0].is_right else first], ""
    for column, cell in zip(columns[1:], others, strict=True):
        if not cell:
            continue
        room = width - len(GAP) - cell_len(column.heading) - 1
        part = f"{column.heading} {cut(cell, max(room, 1)) if column.is_text else cell}"
        joined = f"{line}{GAP} {part}" if line else GAP + part
        if line and cell_len(joined) > width:
            lines.append(line)
            joined = GAP + part
        line = joined
    return [*lines, line] if line else lines
