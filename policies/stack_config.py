"""The configuration of the stack that is being checked, as the engine or a command gives it.

Policies of a stack's own limits read it: its waivers, its budget.
"""

import json
from collections.abc import Mapping
from typing import Any

from catalog.project import PROJECT

_sections: dict[str, Any] = {}


def use(config: Mapping[str, str]) -> None:
    """Take the engine's flat map: `moe-serving:<section>` to JSON text."""
    _sections.clear()
    for key, text in config.items():
        if key.startswith(f"{PROJECT}:"):
            try:
                _sections[key.removeprefix(f"{PROJECT}:")] = json.loads(text)
            except json.JSONDecodeError:
                _sections[key.removeprefix(f"{PROJECT}:")] = text


def section(name: str) -> Any:
    """What `moe-serving:<name>` says; None where the stack does not have it."""
    return _sections.get(name)
