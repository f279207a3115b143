"""The recorder of bits knows every word, and finds the change of one bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bits.__main__ import differing
from benchmarks.bits.drawn import drawn_specs
from benchmarks.bits.runs import digest_alone, digest_together, members_of
from benchmarks.bits.words import missing

ROOT = Path(__file__).parents[2]
PATTERNS = ("line sgd 1 float??", "small adam 8 float64", "expression 03*", "openapi.json")


def bits(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.bits", *map(str, words), *PATTERNS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_equal_bits_are_found_equal_and_other_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "bits.json"
    recorded = bits("record", path)
    assert recorded.returncode == 0, recorded.stderr

    same = bits("compare", path)
    known = json.loads(path.read_text())
    number = len(known["digests"])
    known["digests"]["small adam 8 float64"] = "0" * 16
    known["openapi.json"]["paths"]["/v1/jobs"]["get"]["summary"] = "Else"
    path.write_text(json.dumps(known))
    other = bits("compare", path)

    assert number >= 5
    assert (same.returncode, same.stdout) == (0, f"{number} of {number} digests are the same\n")
    assert other.returncode == 1
    first, second, third = other.stdout.splitlines()
    assert first == "small adam 8 float64: other bits"
    assert second == f"{number - 1} of {number} digests are the same"
    assert third.startswith('openapi.json/paths/~1v1~1jobs/get/summary: "Else" became ')


def test_other_numerics_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "bits.json"
    path.write_text(json.dumps({"fingerprint": "0" * 64, "digests": {}}))

    refused = bits("compare", path)

    assert refused.returncode == 1
    assert "nothing to compare" in refused.stderr


def test_every_word_of_a_spec_is_drawn() -> None:
    specs = dict(drawn_specs())

    assert missing(list(specs.values())) == []


def test_a_word_that_is_not_drawn_is_named() -> None:
    specs = [raw for name, raw in drawn_specs() if not name.startswith(("images", "solve"))]

    words = missing(specs)

    assert {"SolveSpec.target", "Flip.axis.vertical", "MaxPool2d.type.max_pool2d", "Concat.dim.4"} <= set(
        words
    )
    assert not any(word.startswith(("Adam.", "Lstm.", "MinimizeSpec.")) for word in words)


@pytest.mark.parametrize("name", ["rows 02", "tokens 01"])
def test_a_group_and_a_member_alone_have_one_digest(name: str) -> None:
    raw = dict(drawn_specs())[name]
    other = {"seed": raw["seed"] + 1}

    assert list(members_of(raw)) == [2, 3]
    alone = digest_alone(raw)
    assert {digest_together(raw, members) for members in members_of(raw)} == {alone}
    assert digest_alone(raw | other) != alone


def test_differences_of_documents_are_pointed_to() -> None:
    before = {"a/b": {"c": 1, "gone": 0}, "list": [1, 2], "same": [{}]}
    after = {"a/b": {"c": 2, "new": 0}, "list": [1, 2, 3], "same": [{}]}

    assert list(differing(before, after)) == [
        "/a~1b/c: 1 became 2",
        "/a~1b/gone: gone",
        "/a~1b/new: new",
        "/list: [1, 2] became [1, 2, 3]",
    ]
