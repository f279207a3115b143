"""Names that show what they are."""

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.spec import read_resolved
from lockstep.core.submission import parse_job, resolve
from tests.core.formulas.searches import PARABOLA, PRODUCT
from tests.service.submissions import LINE

HIDDEN = (
    0x85,
    0xAD,
    0x61C,
    0x115F,
    0x1160,
    0x17B4,
    0x200B,
    0x200E,
    0x200F,
    0x2028,
    0x2029,
    0x202A,
    0x202E,
    0x2060,
    0x2066,
    0x2069,
    0x3164,
    0xFEFF,
    0xFFA0,
)


@pytest.mark.parametrize("code", HIDDEN)
@pytest.mark.parametrize("spec", [LINE, PARABOLA, PRODUCT])
def test_letters_that_do_not_show_are_refused_in_names_of_every_kind(
    spec: dict[str, object], code: int
) -> None:
    text = f"a{chr(code)}b"

    with pytest.raises(SpecError) as refused:
        parse_job(spec | {"name": text, "metadata": {text: "kept"}})

    assert [problem.code for problem in refused.value.problems] == ["invisible_letter"] * 2
    assert refused.value.problems[0].pointer == "/name"
    assert f"U+{code:04X} at position 1" in refused.value.problems[0].message


BLANKS = (
    " ",
    "\u00a0",
    "  \u3000",
    "\u200d",
    "\u200c \u200d",
    "\u2003",
    "\u2800",
    "\ufe0f",
    "\U000e0041",
    "\u034f",
)


@pytest.mark.parametrize("name", BLANKS)
def test_a_name_of_blanks_is_refused(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_job(LINE | {"name": name})

    assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [("/name", "blank")]


@pytest.mark.parametrize(
    "name",
    [
        "Größe",
        "می\u200cخواهم",
        "👩\u200d🔬",
        "❤\ufe0f",
        "🏴\U000e0067\U000e007f",
        "x\u00a0y",
        " x ",
        "דוגמה",
        "例",
    ],
)
def test_names_of_every_script_pass(name: str) -> None:
    spec = parse_job(LINE | {"name": name, "metadata": {name: "value with \u2028"}})

    assert spec.name == name


def test_a_stored_job_keeps_its_name() -> None:
    stored = resolve(parse_job(LINE), lambda: 0).model_copy(update={"name": "a\u2028b"})

    assert read_resolved("train", stored.model_dump_json(exclude_none=True)).name == "a\u2028b"
