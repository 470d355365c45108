"""Installs an operator's component in a sandbox, with the real engine and the real Helm."""

import subprocess
from pathlib import Path

from durable.places import PACKAGE_ROOT
from sandbox.charts import write_charts
from sandbox.lifecycle import Sandbox
from tests.sandbox.conftest import Kube

_PROGRAM = """
import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components.{module} import {component}, {component}Args
from stacks.settings.charts import ChartSettings

charts = ChartSettings(
    gpu_operator="1.0.0", aws_efa_k8s_device_plugin="1.0.0", kube_prometheus_stack="1.0.0"
)
kubeconfig = Path(os.environ["MOE_SANDBOX_DIR"], "kubeconfig").read_text()
provider = kubernetes.Provider("kubernetes", kubeconfig=kubeconfig)
{component}("operator", {component}Args(charts), pulumi.ResourceOptions(provider=provider))
"""


def install(sandbox: Sandbox, module: str, component: str) -> None:
    """`pulumi up` of `components.<module>` alone."""
    write_charts(sandbox.paths.charts, sandbox.tools)
    folder = sandbox.paths.root / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: operator\nruntime: python\n")
    (folder / "__main__.py").write_text(_PROGRAM.format(module=module, component=component))
    _pulumi(sandbox, folder, "stack", "init", "test")
    _pulumi(sandbox, folder, "up", "--yes", "--skip-preview", "--stack", "test")


def create_node(kube: Kube, name: str, labels: dict[str, str] | None = None) -> None:
    resources = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    kube.create(
        "/api/v1/nodes",
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels or {}},
            "status": {"capacity": resources, "allocatable": resources},
        },
    )


def _pulumi(sandbox: Sandbox, folder: Path, *arguments: str) -> None:
    result = subprocess.run(
        [sandbox.paths.bin / "pulumi", *arguments, "--non-interactive", "--color=never"],
        cwd=folder,
        env={**sandbox.environment(), "PYTHONPATH": str(PACKAGE_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
