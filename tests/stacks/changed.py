"""Stack `local` with something else in it."""

from collections.abc import Mapping
from typing import Any

from stacks import reading
from stacks.settings import Settings

LOCAL = reading.stack_file("local")


def changed(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration with keys of its sections replaced."""
    config = dict(reading.config_of(LOCAL))
    for name, values in sections.items():
        config[f"moe-serving:{name}"] = {**config[f"moe-serving:{name}"], **values}
    return config


def local(**sections: Mapping[str, Any]) -> Settings:
    """The settings of it; raises SettingsError."""
    return reading.validated(changed(sections), LOCAL)
