"""Expressions of Grafana's panels, with something in place of what Grafana fills in."""

import re
from collections.abc import Mapping

_GRAFANA_S_OWN = {"__rate_interval": "5m", "__interval": "1m", "__range": "1h"}
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]")


def filled_in(expression: str, variables: Mapping[str, str] | None = None) -> str:
    """PromQL that parses: durations are some, and a variable without a value matches anything."""
    values = {**_GRAFANA_S_OWN, **(variables or {})}

    def value(found: re.Match[str]) -> str:
        name = next(filter(None, found.groups()))
        return values.get(name, ".+")

    return _VARIABLE.sub(value, expression)
