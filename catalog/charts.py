"""Third-party Helm charts: where they come from and which values they know.

Helm ignores a misspelt key in silence, so every value that we send is held
against the tree of keys that the chart's own values.yaml has
(`chart_values/<chart>.json`, types in place of defaults).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, its vendor's repository or OCI registry, and the keys that values.yaml omits.

    `undeclared_keys` are dotted paths that the templates read although the
    defaults leave them out; `subcharts` are keys whose values go to another
    chart and are not checked here.
    """

    name: str
    repository: str
    undeclared_keys: frozenset[str] = frozenset()
    subcharts: frozenset[str] = frozenset()


GPU_OPERATOR = Chart(
    name="gpu-operator",
    repository="https://helm.ngc.nvidia.com/nvidia",
    undeclared_keys=frozenset(
        {"dcgmExporter.config.name", "node-feature-discovery.image.repository"}
    ),
)

EFA_DEVICE_PLUGIN = Chart(
    name="aws-efa-k8s-device-plugin",
    repository="https://aws.github.io/eks-charts",
)

KUBE_PROMETHEUS_STACK = Chart(
    name="kube-prometheus-stack",
    repository="https://prometheus-community.github.io/helm-charts",
    subcharts=frozenset({"grafana", "kube-state-metrics", "prometheus-node-exporter"}),
)

LEADER_WORKER_SET = Chart(
    name="lws",
    repository="oci://registry.k8s.io/lws/charts",
    undeclared_keys=frozenset({"resources.limits.memory"}),
)

KEDA = Chart(
    name="keda",
    repository="https://kedacore.github.io/charts",
)

CHARTS = MappingProxyType(
    {
        chart.name: chart
        for chart in (
            GPU_OPERATOR,
            EFA_DEVICE_PLUGIN,
            KUBE_PROMETHEUS_STACK,
            LEADER_WORKER_SET,
            KEDA,
        )
    }
)


@cache
def _description(chart_name: str) -> dict[str, Any]:
    path = resources.files("catalog") / "chart_values" / f"{chart_name}.json"
    description: dict[str, Any] = json.loads(path.read_text())
    return description


def known_values(chart: Chart) -> Mapping[str, Any]:
    """Nested keys of the chart's values; leaves are the names of types."""
    values: Mapping[str, Any] = _description(chart.name)["values"]
    return values


def described_version(chart: Chart) -> str:
    """The chart version whose values.yaml `chart_values/` describes."""
    version: str = _description(chart.name)["version"]
    return version


def unknown_values(chart: Chart, values: Mapping[str, Any]) -> list[str]:
    """Dotted paths in `values` that `chart` would ignore in silence."""
    return sorted(_unknown(chart, known_values(chart), values, ()))


def _unknown(
    chart: Chart, known: Any, values: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    for key, value in values.items():
        here = (*path, key)
        dotted = ".".join(here)
        if dotted in chart.undeclared_keys or dotted in chart.subcharts:
            continue
        if known == "map" or known == "any":
            continue
        if any(undeclared.startswith(f"{dotted}.") for undeclared in chart.undeclared_keys):
            inner: Any = known.get(key, {}) if isinstance(known, Mapping) else {}
        elif not isinstance(known, Mapping) or key not in known:
            yield dotted
            continue
        else:
            inner = known[key]
        if isinstance(value, Mapping):
            yield from _unknown(chart, inner, value, here)
