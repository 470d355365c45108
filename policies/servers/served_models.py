"""Which model of the catalogue a server loads, by its name or as a path to it."""

import re

from catalog.models import MODELS, Model

# The folder of a revision, below that of its model.
_REVISION = re.compile(r"[0-9a-f]{40}")


def catalogued(name: str) -> Model | None:
    if (model := MODELS.get(name)) is not None:
        return model
    parts = name.rstrip("/").split("/")
    if _REVISION.fullmatch(parts[-1]):
        parts.pop()
    last = parts[-1].lower() if parts else ""
    return next((m for m in MODELS.values() if m.name.rsplit("/", 1)[-1].lower() == last), None)
