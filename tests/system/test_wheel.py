"""A wheel, installed beside packages that have the names of our folders, runs from any place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tracked import copy_tracked

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
DIST = Path("service/dashboard/dist")
FOREIGN = ("core", "service", "worker", "migrations", "examples")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git tracks or would track, and from the page as it is built here."""
    if not (ROOT / DIST / "index.html").is_file():
        pytest.fail("expected the page to be built, got none; run `make install` first")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    copy_tracked(ROOT, tree)
    shutil.copytree(ROOT / DIST, tree / DIST, copy_function=shutil.copyfile)  # newer than its sources
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(out), str(tree)], check=True, timeout=180)
    (built,) = out.glob("*.whl")
    return built


def test_a_wheel_holds_one_package_with_its_page_its_types_and_its_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"lockstep"}
    assert {
        "lockstep/py.typed",
        "lockstep/examples/digits.json",
        "lockstep/core/data/files/digits.npz",
        "lockstep/service/dashboard/dist/index.html",
    } <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if "node_modules" in name or "/dashboard/src/" in name]


def test_an_installed_wheel_trains_beside_packages_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    site, place = tmp_path / "site", tmp_path / "elsewhere"
    place.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    for name in FOREIGN:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(f"raise SystemExit('a foreign {name} ran')\n")
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def python(*arguments: str) -> str:
        command = [sys.executable, "-P", *arguments]
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert python("-c", "import lockstep; print(lockstep.__file__)").startswith(str(site))
    assert "test accuracy 0.97" in python("-m", "lockstep", "demo", "--data-dir", "data")
