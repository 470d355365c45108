"""The waivers of the stack that is being checked."""

from datetime import date

from pydantic import ValidationError

from catalog.waivers import Waiver, from_plain, waiver_for
from policies import stack_config
from policies.memo import once

SECTION = "waivers"
HOLD = "stack-waivers-hold"
"""The policy on waivers: it cannot be waived, or every waiver could be for ever."""


@once
def granted() -> tuple[Waiver, ...]:
    """Those of the stack's file; none where they cannot be read, which a policy refuses."""
    try:
        return read()
    except ValidationError:
        return ()


def read() -> tuple[Waiver, ...]:
    """Raises pydantic.ValidationError."""
    given = stack_config.section(SECTION)
    return () if given is None else from_plain(given)


def granted_for(policy: str, resource: str) -> Waiver | None:
    return None if policy == HOLD else waiver_for(granted(), policy, resource, date.today())
