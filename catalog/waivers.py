"""A waiver: one policy, one resource, a reason, an owner, and a day on which it ends."""

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints, TypeAdapter

from catalog.section import Section

STACK = "stack"
"""Stands for the whole stack where a policy names no single resource."""

WAIVED = "waived until "
"""How `Waiver.shown` begins."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\r\n]+$")]
"""One line: what is told of a finding follows on the next."""


_MIDNIGHT = re.compile(r"[T ]00:00:00(Z|\+00:00| \+0000 UTC)?")


def _day(value: object) -> object:
    """YAML makes a date of an unquoted day, and Pulumi passes that on as midnight in a text."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(_MIDNIGHT.sub("", value, count=1))
        except ValueError:
            return value
    return value


class Exemption(Section):
    """Lets something pass until a day, and says for whom and why."""

    reason: Words
    """Why it is accepted; shown in every report."""
    owner: Words
    """Who answers for it: a team, or an address."""
    expires: Annotated[date, BeforeValidator(_day)]
    """Last day on which it holds, such as 2026-12-31; afterwards it refuses."""

    def is_expired(self, today: date) -> bool:
        return today > self.expires

    def shown(self) -> str:
        return f"{WAIVED}{self.expires} by {self.owner}: {self.reason}"


class Waiver(Exemption):
    """Lets one finding of a policy pass until a day, and says for whom and why."""

    policy: Words
    """Name of the policy, such as `kubernetes-container-image-pinned`."""
    resource: Words
    """Logical name of the resource in Pulumi, `namespace/name` of a plain manifest, or `stack`
    where the policy names none."""

    def lets_pass(self, policy: str, resource: str, today: date) -> bool:
        return self.policy == policy and self.resource == resource and not self.is_expired(today)


def waiver_for(
    waivers: tuple[Waiver, ...], policy: str, resource: str, today: date
) -> Waiver | None:
    return next((w for w in waivers if w.lets_pass(policy, resource, today)), None)


_WAIVERS = TypeAdapter(tuple[Waiver, ...])


def from_plain(values: object) -> tuple[Waiver, ...]:
    """Raises pydantic.ValidationError."""
    return _WAIVERS.validate_python(values)
