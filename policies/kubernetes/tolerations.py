"""Taints of nodes and tolerations of pods, as the scheduler compares them.

Kubernetes' own rules: core/v1 `Toleration.ToleratesTaint`, and the API server's
validation, which takes an empty key with operator Exists alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policies.reading import child, find

Effect = Literal["NoSchedule", "NoExecute"]
"""PreferNoSchedule keeps no pod away: nothing has to tolerate it."""


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    value: str
    effect: Effect

    def __str__(self) -> str:
        return (
            f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"
        )


@dataclass(frozen=True, slots=True)
class Toleration:
    """An empty effect is every effect, an empty key every key; `limited` ends after a while."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    limited: bool = False

    def tolerates(self, taint: Taint) -> bool:
        """Whether a pod may start on a node with this taint, and stay there."""
        if self.effect not in ("", taint.effect):
            return False
        if self.limited and taint.effect == "NoExecute":
            return False
        if self.operator == "Exists":
            return self.key in ("", taint.key)
        # Lt and Gt exist behind a feature gate; without it the API server refuses them.
        return self.operator == "Equal" and self.key == taint.key and self.value == taint.value


def is_tolerated(taint: Taint, tolerations: Any) -> bool:
    """Whether the list of a pod, or of a chart's values, tolerates `taint`.

    Raises UnknownValueError where only one that is not known yet could.
    """
    return find(tolerations, lambda each: _toleration(each).tolerates(taint)) is not None


def _toleration(fields: Any) -> Toleration:
    if not isinstance(fields, Mapping):
        return Toleration(operator="none")
    return Toleration(
        key=_text(fields, "key"),
        operator=_text(fields, "operator") or "Equal",
        value=_text(fields, "value"),
        effect=_text(fields, "effect"),
        limited=child(fields, "tolerationSeconds") is not None,
    )


def _text(fields: Any, name: str) -> str:
    value = child(fields, name)
    return value if isinstance(value, str) else ""
