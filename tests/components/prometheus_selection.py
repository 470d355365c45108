"""What a Prometheus of kube-prometheus-stack selects, by the values that the chart gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = {
    "PrometheusRule": "rule",
    "ServiceMonitor": "serviceMonitor",
    "PodMonitor": "podMonitor",
    "Probe": "probe",
    "ScrapeConfig": "scrapeConfig",
}
"""Custom resources that Prometheus selects, and how its own fields about them begin."""

LabelSelector = Mapping[str, Any] | None


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Kubernetes' LabelSelector: an empty one matches everything, none at all matches nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return wanted.items() <= labels.items() and all(_holds(each, labels) for each in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"no operator of a LabelSelector: {expression['operator']}")


@dataclass(frozen=True)
class Selection:
    """The spec of a Prometheus, as far as it selects."""

    spec: Mapping[str, Any]

    @classmethod
    def of_chart(cls, values: Mapping[str, Any], release: str) -> "Selection":
        """What templates/prometheus/prometheus.yaml of the chart makes of the values.

        A selector that is empty or missing becomes the release's label, unless
        `<kind>SelectorNilUsesHelmValues` is false; a namespace selector, every namespace.
        """
        given = values.get("prometheus", {}).get("prometheusSpec", {})
        spec: dict[str, Any] = {}
        for kind in KINDS.values():
            by_release = given.get(f"{kind}SelectorNilUsesHelmValues", True)
            otherwise = {"matchLabels": {"release": release}} if by_release else {}
            spec[f"{kind}Selector"] = given.get(f"{kind}Selector") or otherwise
            spec[f"{kind}NamespaceSelector"] = given.get(f"{kind}NamespaceSelector") or {}
        return cls(spec)

    def selects(
        self, kind: str, labels: Mapping[str, str], namespace_labels: Mapping[str, str]
    ) -> bool:
        prefix = KINDS[kind]
        return matches(self.spec.get(f"{prefix}Selector"), labels) and matches(
            self.spec.get(f"{prefix}NamespaceSelector"), namespace_labels
        )
