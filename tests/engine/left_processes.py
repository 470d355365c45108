"""Processes of sandboxes, found by the mark that each carries."""

from pathlib import Path

import psutil

from sandbox.processes import MARK


def processes_in(root: Path) -> list[psutil.Process]:
    """Those of sandboxes that lie below `root`."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK, "")
        except psutil.Error:
            continue
        if mark.startswith(f"{root}/"):
            found.append(process)
    return found
