"""Copies of the project as git sees it, for tests that change, build or install one."""

import os
import shutil
import subprocess
from pathlib import Path


def copy_tracked(source: Path, root: Path) -> None:
    """Copy what git tracks or would track into `root`; links stay links."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=source, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if os.path.lexists(source / name):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, root / name, follow_symlinks=False)
