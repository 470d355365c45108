"""What a platform team chooses in the configuration of a policy: lists of names and the like."""

from typing import Any

from policies.reading import elements, known, shown
from policies.review import Config


def texts(config: Config, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The list at `key`, numbers as text; an empty one is a choice too."""
    if config.get(key) is None:
        return default
    return tuple(shown(known(each)) for each in elements(config[key]))


def texts_schema(description: str) -> dict[str, Any]:
    """JSON Schema of such a list, which is empty by default."""
    return {
        "type": "array",
        "items": {"type": "string"},
        "description": description,
        "default": [],
    }
