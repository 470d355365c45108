"""What the settings allow and hardly ever mean, as rows."""

from collections.abc import Iterator

from preflight.finding import Finding, ok, warn
from preflight.plan import Plan
from stacks.advice import UPDATE_STRATEGY, advice

TITLE = "settings"
# The check of the reservation knows how many nodes are left in it.
_KNOWN_BETTER = {UPDATE_STRATEGY}


def rows(plan: Plan) -> Iterator[Finding]:
    found = [each for each in advice(plan.settings) if each.key not in _KNOWN_BETTER]
    for each in found:
        yield warn(TITLE, each.found, f"{each.key}: {each.instead}")
    if not found:
        yield ok(TITLE, "nothing odd")
