"""The recorder of bits finds the change of one of them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bits(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.bits",
            *map(str, words),
            "line sgd 1 float??",
            "small adam 8 float64",
        ],
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
    known["digests"]["small adam 8 float64"] = "0" * 16
    path.write_text(json.dumps(known))
    other = bits("compare", path)

    assert (same.returncode, same.stdout) == (0, "3 of 3 specs compute the same bits\n")
    assert other.returncode == 1
    assert other.stdout == "small adam 8 float64: other bits\n2 of 3 specs compute the same bits\n"


def test_other_numerics_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "bits.json"
    path.write_text(json.dumps({"fingerprint": "0" * 64, "digests": {}}))

    refused = bits("compare", path)

    assert refused.returncode == 1
    assert "nothing to compare" in refused.stderr
