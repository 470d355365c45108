"""The packages of a program that was extracted: the checkout's, or its own where it pins others.

A rollback over an upgrade of a package must not wait for somebody to install the old one by hand.
"""

import os
import shutil
import subprocess
from pathlib import Path

FOLDER = ".venv"
LOCK = "uv.lock"
# Else uv would change the environment that this runs in.
_OF_AN_ENVIRONMENT = ("UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV")


def provide(root: Path, program: Path) -> str:
    """Gives `program` a `.venv`; why it could not, empty where it could.

    `root` is the checkout, whose packages are taken where both pin the same.
    """
    if _same(root / LOCK, program / LOCK):
        if (root / FOLDER).exists():
            (program / FOLDER).symlink_to(root / FOLDER)
        return ""
    uv = shutil.which("uv") or shutil.which("uv", path=root / ".uv" / "bin")
    if uv is None:
        return "the release pins other packages than are installed here, and uv is not on PATH"
    result = subprocess.run(
        [uv, "sync", "--quiet", "--locked", "--no-dev", "--no-install-project"],
        cwd=program,
        env={name: value for name, value in os.environ.items() if name not in _OF_AN_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return ""
    return f"the packages that the release pins cannot be installed: {result.stderr.strip()}"


def _same(here: Path, there: Path) -> bool:
    if not (here.exists() and there.exists()):
        return here.exists() == there.exists()
    return here.read_bytes() == there.read_bytes()
