"""KEDA's source with one of its scalers: Prometheus, the one that a ScaledObject here names.

The seventy others bring their vendors' client libraries, which are more than half of the whole
build. What is cut is said in `sandbox/tools/keda/cut.json`; all else is KEDA's own.
"""

import json
import re
import shutil
from pathlib import Path

from sandbox.toolchain.go_build import BuildError

KEDA = "github.com/kedacore/keda/v2"


def cut_sources(recipe: Path, keda: Path, target: Path) -> None:
    """Copy the module at `keda` to `target`, less what `recipe` removes and with its edits.

    Raises BuildError where the recipe names what this version of KEDA does not have.
    """
    cut = json.loads(recipe.read_text())
    target.mkdir()
    shutil.copyfile(keda / "go.mod", target / "go.mod")
    for folder in cut["folders"]:
        # Module files are read-only; copies must not be.
        shutil.copytree(
            keda / folder,
            target / folder,
            ignore=shutil.ignore_patterns("*_test.go"),
            copy_function=shutil.copyfile,
        )
    for folder in target.rglob("*"):
        if folder.is_dir():
            folder.chmod(0o700)
    kept = {target / name for name in cut["keep"]}
    for pattern in cut["remove"]:
        found = set(target.glob(pattern)) - kept
        if not found:
            raise BuildError(f"KEDA has no {pattern}; see {recipe}")
        for file in found:
            file.unlink()
    for edit in cut["edit"]:
        file = target / edit["file"]
        text, count = re.subn(edit["pattern"], edit["by"], file.read_text())
        if not count:
            raise BuildError(f"{edit['file']} of KEDA has no {edit['pattern']}; see {recipe}")
        file.write_text(text)
