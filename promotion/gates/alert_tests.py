"""The alert rules of the release fire, rest and read as its scenes tell.

Rules and scenes are those of the release's commit, with thresholds as the catalogue has them.
"""

import subprocess
import sys
from pathlib import Path

from durable.places import cache_root
from promotion.gate import GateResult, could_not_check, failed, passed
from promotion.gates.of_check import WITHOUT_PROMTOOL

GATE = "alert tests"

_SCENES = "catalog.alerts.scenes"
_SAID_OTHERWISE = 1
_MOST_LINES = 40


def judge(program: Path, promtool: Path | None) -> GateResult:
    """Has the `program` of the release play its scenes."""
    if promtool is None:
        return could_not_check(
            GATE,
            "promtool is not built here, and plays the scenes",
            remedy=WITHOUT_PROMTOOL,
        )
    if not (program / _SCENES.replace(".", "/") / "__main__.py").exists():
        return could_not_check(
            GATE,
            "the release's program has no scenes that could be played",
            remedy="create a release of a later commit, or waive it: `make test` of that commit"
            " has played them",
        )
    result = subprocess.run(
        [_python(program), "-m", _SCENES, promtool, cache_root() / "scenes"],
        cwd=program,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return passed(GATE, result.stdout.strip())
    lines = result.stderr.strip().splitlines()
    remedy = "docs/how-to/alerts.md"
    if result.returncode != _SAID_OTHERWISE or not lines or lines[0].startswith("Traceback"):
        why = lines[-1] if lines else f"it ended with {result.returncode}"
        return could_not_check(GATE, f"the scenes could not be played: {why}", remedy=remedy)
    return failed(
        GATE, "an alert does otherwise than its scene", *lines[:_MOST_LINES], remedy=remedy
    )


def _python(program: Path) -> Path:
    """With the packages that the release pins."""
    own = program / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)
