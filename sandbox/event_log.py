"""What the engine's event log tells of a run that failed: who refused, or who interrupted it.

The exit code of `pulumi` does not tell: a refusal, a failed resource and a Ctrl-C all may be 1.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.stacks.colours import plain

# Of a terminal that it draws on, `pulumi` reads the keys itself: no signal of Ctrl-C reaches us.
_CANCELLED = "received; cancelling."


@dataclass(frozen=True)
class Violation:
    """What one policy said about one resource; `level` is "mandatory" where that refuses."""

    policy: str
    resource: str
    level: str
    message: str


@dataclass(frozen=True)
class EventLog:
    """One run of the engine."""

    violations: tuple[Violation, ...]
    cancelled: bool

    @property
    def refusing(self) -> list[str]:
        """Names of the policies that refused."""
        return sorted({v.policy for v in self.violations if v.level == "mandatory"})


def read_event_log(path: Path) -> EventLog:
    """The log at `path`; an empty one where the engine did not come to write any."""
    lines = path.read_text().splitlines() if path.exists() else []
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return EventLog(
        violations=tuple(_violation(e["policyEvent"]) for e in events if "policyEvent" in e),
        cancelled=any(_CANCELLED in e.get("stdoutEvent", {}).get("message", "") for e in events),
    )


def _violation(event: dict[str, Any]) -> Violation:
    return Violation(
        policy=event["policyName"],
        resource=event.get("resourceUrn", ""),
        level=event["enforcementLevel"],
        message=plain(event["message"]),
    )
