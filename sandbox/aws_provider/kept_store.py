"""The file in which the stand-in keeps what moto cannot.

`$MOE_SANDBOX_DIR/aws/kept.json`, for the owner only. Each change is made under a lock and replaces
the file in one step, so a reader (also after a kill) finds the state before or after it. Shape:

    {"things":    {"<kind> <key>": {...API members...}},
     "creations": {"<urn>": {"id": ..., "inputs": "<hash>"}},
     "backed":    "<cluster that the sandbox's control plane stands for>"}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from durable.files import OWNER_ONLY_FOLDER, write_private


class KeptStore:
    """Opens per use: several plugin processes may work on one sandbox."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        self.file = folder / "kept.json"
        self._lock = FileLock(folder / "kept.lock", mode=0o600)

    def read(self) -> dict[str, Any]:
        """The whole content; empty sections where nothing was kept yet."""
        found = json.loads(self.file.read_text()) if self.file.exists() else {}
        return {"things": {}, "creations": {}, "backed": None, **found}

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """The content, to be changed in place; written when the block ends without an error."""
        with self._lock:
            content = self.read()
            before = json.dumps(content, sort_keys=True)
            yield content
            if json.dumps(content, sort_keys=True) != before:
                write_private(self.file, json.dumps(content, indent=1, sort_keys=True))

    def things(self, kind: str) -> list[dict[str, Any]]:
        start = f"{kind} "
        content = self.read()["things"]
        return [thing for name, thing in sorted(content.items()) if name.startswith(start)]


def thing_name(kind: str, key: tuple[str, ...]) -> str:
    return f"{kind} {'|'.join(key)}"
