"""Stack files in a folder of the test's own: stack `local` with other sections."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.stacks.changed import changed


def write_stack(root: Path, stack: str, **sections: Any) -> Path:
    """A mapping replaces keys of a section, or is a new one; any other value is the section."""
    merged = {name: value for name, value in sections.items() if isinstance(value, Mapping)}
    config = _with_new(merged)
    for name, value in sections.items():
        if name not in merged:
            config[f"moe-serving:{name}"] = value
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    path.parent.mkdir(exist_ok=True)
    YAML().dump({"config": config}, path)
    return path


def _with_new(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    known = changed({})
    old = {name: each for name, each in sections.items() if f"moe-serving:{name}" in known}
    config = changed(old)
    for name in sections.keys() - old.keys():
        config[f"moe-serving:{name}"] = dict(sections[name])
    return config
