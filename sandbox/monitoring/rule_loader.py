"""Gives Prometheus the rules that are deployed, as prometheus-operator does.

The PrometheusRules of the cluster that its Prometheus object selects are written as rule files,
one an object, and written again when they change; Prometheus looks for changed files by itself.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from durable.files import write_private
from sandbox.control_plane.kube_api import KubeApi, KubeApiError
from sandbox.monitoring.compressed_time import ClockError, compressed_groups
from sandbox.paths import SandboxPaths

POLL_SECONDS = 1.0
_API = "/apis/monitoring.coreos.com/v1"


def selected_rules(
    prometheus: Mapping[str, Any],
    rules: Sequence[dict[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]],
) -> list[dict[str, Any]]:
    """The PrometheusRules that a Prometheus object selects; `namespaces` are labels by name.

    As prometheus-operator: no `ruleSelector` selects nothing, no `ruleNamespaceSelector` only the
    object's own namespace, an empty one everything.
    """
    spec, own = prometheus["spec"], prometheus["metadata"]["namespace"]
    selector, of_namespace = spec.get("ruleSelector"), spec.get("ruleNamespaceSelector")

    def is_in_reach(namespace: str) -> bool:
        if of_namespace is None:
            return bool(namespace == own)
        return matches(of_namespace, namespaces.get(namespace, {}))

    return [
        rule
        for rule in rules
        if selector is not None
        and matches(selector, rule["metadata"].get("labels", {}))
        and is_in_reach(rule["metadata"]["namespace"])
    ]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a Kubernetes label selector selects an object with these labels."""
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(each, labels) for each in selector.get("matchExpressions", [])
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
    raise ValueError(f"unknown operator {expression['operator']}")


def rule_files(rules: Sequence[dict[str, Any]], speed: int) -> dict[str, str]:
    """Content by file name, for a clock that runs `speed` times as fast; raises ClockError."""
    return {
        f"{rule['metadata']['namespace']}-{rule['metadata']['name']}.json": json.dumps(
            {"groups": compressed_groups(rule["spec"]["groups"], speed)}, indent=2
        )
        for rule in rules
    }


def deployed_rules(kube: KubeApi) -> list[dict[str, Any]]:
    """What the cluster's Prometheus objects select; none where nothing is deployed yet."""
    rules = kube.items(f"{_API}/prometheusrules")
    namespaces = {
        item["metadata"]["name"]: item["metadata"].get("labels", {})
        for item in kube.items("/api/v1/namespaces")
    }
    return [
        rule
        for prometheus in kube.items(f"{_API}/prometheuses")
        for rule in selected_rules(prometheus, rules, namespaces)
    ]


def write_rule_files(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether there was anything to write or to remove."""
    present = {path.name: path.read_text() for path in folder.glob("*.json")}
    for name in present.keys() - files.keys():
        (folder / name).unlink()
    for name, text in files.items():
        if present.get(name) != text:
            write_private(folder / name, text)
    return present != dict(files)


def main() -> None:
    """Arguments: the checkout whose sandbox it belongs to, and the speed of Prometheus' clock."""
    paths, speed = SandboxPaths(Path(sys.argv[1])), int(sys.argv[2])
    kube = KubeApi(paths.admin_kubeconfig)
    said = ""
    while True:
        try:
            files = rule_files(deployed_rules(kube), speed)
            changed = write_rule_files(paths.prometheus / "rules", files)
            news = f"{', '.join(files) or 'no rules'}" if changed else ""
        except (KubeApiError, ClockError) as error:
            news = str(error)
        if news not in ("", said):
            print(news, flush=True)  # noqa: T201
            said = news
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
