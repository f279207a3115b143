"""Tables on terminals of any width: numbers whole, texts cut where they must be."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from lockstep.service.commands.columns import Column, cut, plain, table_lines, wrapped

COLUMNS = (
    Column(heading="id"),
    Column(heading="name", is_text=True),
    Column(heading="status"),
    Column(heading="step", is_right=True),
    Column(heading="result", is_right=True),
)
ROWS = (
    ("job_" + "a" * 24, "a name that goes on and on and on", "succeeded", "1,000", "1.672e-13"),
    ("job_" + "b" * 24, "", "queued", "0/1,000,000", "-"),
    ("job_" + "c" * 24, "名前" * 30, "cancelling", "123,456/1,000,000", "NaN"),
    ("job_" + "d" * 24, "red\x1b[31m\ntwo lines", "failed", "5/5", "-"),
)
WHOLE = [cell for row in ROWS for at, cell in enumerate(row) if at != 1 and cell]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200, None])
def test_no_number_is_cut_or_broken(width: int | None) -> None:
    lines = table_lines(COLUMNS, ROWS, width)

    for whole in WHOLE:
        assert any(whole in line for line in lines), whole
    if width is not None:
        assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    lines = table_lines(COLUMNS, ROWS, 100)

    assert len(lines) == 1 + len(ROWS)
    assert lines[0].split() == ["id", "name", "status", "step", "result"]
    assert "a name that" in lines[1]
    assert "…" in lines[1]
    assert lines[1].endswith("1.672e-13")
    assert lines[2].endswith("        -")


def test_a_table_without_a_terminal_is_as_wide_as_it_is() -> None:
    assert ROWS[0][1] in table_lines(COLUMNS, ROWS, None)[1]


def test_a_row_that_does_not_fit_stands_on_several_lines() -> None:
    lines = table_lines(COLUMNS, ROWS[:2], 60)

    assert lines == [
        ROWS[0][0],
        "  name a name that goes on and on and on   status succeeded",
        "  step 1,000   result 1.672e-13",
        ROWS[1][0],
        "  status queued   step 0/1,000,000   result -",
    ]


@pytest.mark.parametrize(
    ("text", "width", "shown"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("名前名", 4, "名…"), ("", 0, "")]
)
def test_a_cut_text_says_so(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_a_long_line_is_broken_between_words() -> None:
    line = "  a: the loss has grown to -1.37e+288; it was 3.35e+19 around step 0"

    assert wrapped(line, 40) == [
        "  a: the loss has grown to -1.37e+288;",
        "      it was 3.35e+19 around step 0",
    ]
    assert wrapped(line, None) == wrapped(line, 200) == [line]
    assert wrapped("f" * 64, 60) == ["f" * 64]


def test_what_would_steer_the_terminal_is_shown_as_a_sign() -> None:
    assert plain("a\x1b[2J\u202eb\n") == "a\ufffd[2J\ufffdb\ufffd"
