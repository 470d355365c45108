"""Levels and settings of policies from the file that Pulumi's `--policy-pack-config` takes.

The engine ignores a policy's name that no pack has, and a setting that the policy does not know;
here both are errors, as they change nothing where somebody meant to change something.
https://www.pulumi.com/docs/insights/policy/policy-packs/configuration/
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from pulumi_policy import EnforcementLevel, Policy

_ALL = "all"
_LEVEL = "enforcementLevel"
_LEVELS = ", ".join(level.value for level in EnforcementLevel)


class PolicyConfigError(Exception):
    """Names the file, the policy, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """What the file changes, by the policy's name."""

    levels: Mapping[str, EnforcementLevel] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read(path: Path, policies: Iterable[Policy]) -> PolicyConfig:
    """Raises PolicyConfigError."""
    try:
        given = json.loads(path.read_bytes() or b"{}")
    except OSError as error:
        raise PolicyConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise PolicyConfigError(f"{path} is not JSON: {error}") from None
    if isinstance(given, dict) and isinstance(given.get("version"), int | float):
        given = _of_version_2(path, given)
    if not isinstance(given, dict):
        raise PolicyConfigError(f"{path}: a map from policies to what changes is expected")
    known = {policy.name: policy for policy in policies}
    levels: dict[str, EnforcementLevel] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    if _ALL in given:
        level, _ = _entry(path, _ALL, given.pop(_ALL))
        levels = dict.fromkeys(known, level) if level else {}
    for name, value in given.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; {close[0]}?" if close else ""
            raise PolicyConfigError(f"{path}: {name} is no policy of the pack{hint}")
        level, changed = _entry(path, name, value)
        if level is not None:
            levels[name] = level
        _validate(path, known[name], changed)
        settings[name] = changed
    return PolicyConfig(levels, settings)


def _of_version_2(path: Path, given: Mapping[str, Any]) -> Any:
    if given["version"] != 2:
        raise PolicyConfigError(f"{path}: version {given['version']} is not allowed; allowed: 2")
    if others := given.keys() - {"version", "policies"}:
        raise PolicyConfigError(
            f"{path}: {min(others)} works in the engine alone; allowed: policies. Exceptions are"
            " waivers here"
        )
    return given.get("policies", {})


def _entry(path: Path, name: str, value: Any) -> tuple[EnforcementLevel | None, dict[str, Any]]:
    settings = {_LEVEL: value} if isinstance(value, str) else value
    if not isinstance(settings, dict):
        raise PolicyConfigError(f"{path}: {name}: a level or a map is expected, found {value!r}")
    settings = dict(settings)
    level = settings.pop(_LEVEL, None)
    if level is None:
        return None, settings
    try:
        return EnforcementLevel(level), settings
    except ValueError:
        raise PolicyConfigError(
            f"{path}: {name}: level {level!r} is not allowed; allowed: {_LEVELS}"
        ) from None


def _validate(path: Path, policy: Policy, settings: Mapping[str, Any]) -> None:
    schema = policy.config_schema
    properties = schema.properties if schema else {}
    whole = {
        "type": "object",
        "properties": properties,
        "required": (schema.required if schema else None) or [],
        "additionalProperties": False,
    }
    for error in Draft7Validator(whole).iter_errors(settings):
        where = ".".join(map(str, error.absolute_path))
        raise PolicyConfigError(
            f"{path}: {policy.name}: {where + ': ' if where else ''}{error.message};"
            f" allowed: {', '.join(properties) or 'no settings'}"
        )
