"""Values of a config.json by key, with one message for each way that they can be wrong."""

import json
from collections.abc import Mapping
from typing import Any


class ConfigRefusedError(ValueError):
    """A config.json from which no entry can be made; the message says key, value and why."""


def not_allowed(key: str, value: object, allowed: str) -> ConfigRefusedError:
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}..."
    return ConfigRefusedError(f"{key} {shown} is not allowed; allowed: {allowed}")


_LONGEST = 60


class ConfigKeys:
    """The keys of one map in a config.json; `within` is the key that the map is under."""

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        self._values = values
        self._within = within

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value; `default` also where the file says null."""
        value = self._values.get(key)
        return default if value is None else value

    def path(self, key: str) -> str:
        return f"{self._within}.{key}" if self._within else key

    def count(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        """A whole number of at least `least`; required where it has no default."""
        value = self.get(key, default)
        if value is None:
            raise ConfigRefusedError(f"{self.path(key)}: missing; allowed: {least} or more")
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise not_allowed(self.path(key), value, f"a whole number, {least} or more")
        return value

    def flag(self, key: str) -> bool:
        value = self.get(key, False)
        if not isinstance(value, bool):
            raise not_allowed(self.path(key), value, "true or false")
        return value

    def section(self, key: str) -> "ConfigKeys":
        value = self.get(key)
        if value is None:
            raise ConfigRefusedError(f"{self.path(key)}: missing; allowed: a map of keys")
        if not isinstance(value, Mapping):
            raise not_allowed(self.path(key), value, "a map of keys")
        return ConfigKeys(value, self.path(key))

    def with_default(self, key: str, value: object) -> "ConfigKeys":
        """The same, with `value` where the file has none."""
        return ConfigKeys({**self._values, key: self.get(key, value)}, self._within)
