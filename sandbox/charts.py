"""Stand-in Helm charts: what the sandbox installs where a stack names a vendor's chart.

The vendors' chart repositories are out of reach. A stand-in has the vendor's
name and version, real CustomResourceDefinitions, and workloads that stand for
the operator and its operands, switched by the same values. Its values schema is
the vendor's own tree of keys, so the real Helm refuses a key that the vendor's
chart would ignore. LeaderWorkerSet's chart is the real one: its Go module has it.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog import charts
from sandbox.toolchain.ensure import Tools

_TEMPLATES = Path(__file__).parent / "helm_charts"
_JSON_TYPES = {
    "boolean": {"type": "boolean"},
    "number": {"type": ["number", "string"]},
    "string": {"type": ["string", "number"]},
    "list": {"type": "array"},
    "map": {"type": "object"},
    "any": {},
}


def write_charts(target: Path, tools: Tools) -> None:
    """Write every stand-in below `target`, one folder a chart; KEDA's where KEDA is built."""
    for chart in charts.CHARTS.values():
        folder = target / chart.name
        shutil.rmtree(folder, ignore_errors=True)
        if chart is charts.KEDA and tools.keda is None:
            continue
        own = _TEMPLATES / chart.name
        shutil.copytree(
            tools.lws_chart_folder if chart is charts.LEADER_WORKER_SET else own, folder
        )
        version = charts.described_version(chart)
        (folder / "Chart.yaml").write_text(
            json.dumps(
                {
                    "apiVersion": "v2",
                    "name": chart.name,
                    "version": version,
                    "appVersion": f"v{version.removeprefix('v')}",
                    "description": f"{chart.name}, as the sandbox has it",
                }
            )
        )
        (folder / "values.schema.json").write_text(json.dumps(_schema(chart)))
    shutil.copytree(
        tools.monitoring_crds_folder, target / charts.KUBE_PROMETHEUS_STACK.name / "crds"
    )
    if tools.keda is not None:
        keda = target / charts.KEDA.name
        shutil.copytree(tools.keda.crds_folder, keda / "crds")
        shutil.copytree(tools.keda.manifests_folder, keda / "templates", dirs_exist_ok=True)


def _schema(chart: charts.Chart) -> dict[str, Any]:
    return _object(chart, charts.known_values(chart), ())


def _object(chart: charts.Chart, known: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    properties: dict[str, Any] = {"global": {"type": "object"}} if not path else {}
    for key, value in known.items():
        here = (*path, key)
        if ".".join(here) in chart.subcharts:
            properties[key] = {"type": "object"}
        elif isinstance(value, Mapping):
            properties[key] = _object(chart, value, here)
        else:
            properties[key] = _JSON_TYPES[value]
    for undeclared in chart.undeclared_keys:
        *parents, leaf = undeclared.split(".")
        if parents[: len(path)] == list(path) and len(parents) > len(path):
            child = properties.setdefault(parents[len(path)], {"type": "object", "properties": {}})
            if len(parents) == len(path) + 1:
                child["properties"].setdefault(leaf, {})
    return {"type": "object", "properties": properties, "additionalProperties": False}
