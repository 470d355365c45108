"""What a platform team chooses in the configuration of a policy: lists of names and the like."""

from typing import Any

from policies.reading import elements, known
from policies.review import Config


def texts(config: Config, key: str) -> tuple[str, ...]:
    """The list at `key`, numbers as text; of a config without it, none."""
    return tuple(str(known(each)) for each in elements(config.get(key)))


def texts_schema(description: str) -> dict[str, Any]:
    """JSON Schema of such a list, which is empty by default."""
    return {
        "type": "array",
        "items": {"type": "string"},
        "description": description,
        "default": [],
    }
