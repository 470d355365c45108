"""A third-party chart as a Helm release: pinned, waited for, with no misspelt value."""

import os
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import helm

from catalog import charts

MIRROR = "MOE_CHART_MIRROR"
"""Environment variable: a folder or an `oci://` prefix to take all charts from."""


def release(
    name: str,
    chart: charts.Chart,
    *,
    version: str,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> helm.v3.Release:
    """Install `chart`; a ValueError names the keys of `values` that it does not know."""
    unknown = charts.unknown_values(chart, values)
    if unknown:
        raise ValueError(
            f"chart {chart.name} knows no value {', '.join(unknown)}:"
            f" Helm would ignore it in silence (catalog/chart_values/{chart.name}.json)"
        )
    folder = os.environ.get(MIRROR)
    if folder is None and chart.repository.startswith("oci://"):
        # Helm asks a registry for the chart itself; there is no index to look into.
        folder = chart.repository
    source = f"{folder.rstrip('/')}/{chart.name}" if folder else chart.name
    repository = None if folder else helm.v3.RepositoryOptsArgs(repo=chart.repository)
    return helm.v3.Release(
        name,
        helm.v3.ReleaseArgs(
            name=chart.name,
            chart=source,
            version=version,
            repository_opts=repository,
            namespace=namespace,
            values=values,
            # A half-installed chart is removed, so that the next `up` starts clean.
            atomic=True,
            timeout=900,
        ),
        opts=opts,
    )
