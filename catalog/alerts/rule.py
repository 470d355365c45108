"""Rules in the shape of Prometheus: alerts, recording rules, and their groups."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]
"""critical: somebody is woken up. warning: somebody looks today. info: shown beside others."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; `summary` is constant, `description` names the instance.

    `for_` is a Prometheus duration such as `5m`.
    """

    name: str
    expression: str
    for_: str
    severity: Severity
    summary: str
    description: str

    def rule(self, runbook_url: str) -> dict[str, Any]:
        """The rule; `runbook_url` has `{alert}` where the page's name goes."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.for_,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": runbook_url.format(alert=self.page),
            },
        }

    @property
    def page(self) -> str:
        """Name of its page in docs/runbooks, without `.md`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Recording:
    """A series computed from others, named level:metric:operations."""

    name: str
    expression: str

    def rule(self, _runbook_url: str) -> dict[str, Any]:
        return {"record": self.name, "expr": self.expression}


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other: recordings before alerts that read them."""

    name: str
    rules: tuple[Recording | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))

    def as_dict(self, runbook_url: str) -> dict[str, Any]:
        return {"name": self.name, "rules": [rule.rule(runbook_url) for rule in self.rules]}
