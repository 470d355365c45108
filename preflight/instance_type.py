"""Whether the GPU instance type is what the catalogue says, and has the EFA interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from catalog import efa_layout
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok
from preflight.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef

TITLE = "instance type"


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    answer = aws.ec2.describe_instance_types(InstanceTypes=[plan.instance_type.name])  # type: ignore[list-item]
    (info,) = answer["InstanceTypes"]
    yield _catalogue(plan, info)
    if plan.gpu_nodes.efa.enabled:
        yield _efa(plan, info)


def _catalogue(plan: Plan, info: InstanceTypeInfoTypeDef) -> Finding:
    entry = plan.instance_type
    network = info.get("NetworkInfo", {})
    gpus = info.get("GpuInfo", {}).get("Gpus", [])
    memory_mib = (gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) for gpu in gpus)
    pairs = (
        ("GPUs", entry.gpu_count, sum(gpu.get("Count", 0) for gpu in gpus)),
        ("MiB a GPU", entry.gpu_memory_mib, min(memory_mib, default=0)),
        ("vCPUs", entry.vcpu, info.get("VCpuInfo", {}).get("DefaultVCpus", 0)),
        ("network cards", entry.network_cards, network.get("MaximumNetworkCards", 0)),
    )
    different = [f"{real} {what}, not {known}" for what, known, real in pairs if real != known]
    if different:
        return fail(
            TITLE,
            f"EC2 says of {entry.name}: {'; '.join(different)}",
            "correct catalog/instance_types.py: whether a model fits is computed from it",
        )
    return ok(TITLE, ", ".join(f"{real} {what}" for what, _, real in pairs))


def _efa(plan: Plan, info: InstanceTypeInfoTypeDef) -> Finding:
    wanted = efa_layout.efa_count(plan.gpu_nodes.interfaces())
    network = info.get("NetworkInfo", {})
    most = network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0)
    if not network.get("EfaSupported", False) or wanted > most:
        return fail(
            TITLE,
            f"{plan.instance_type.name} takes {most} EFA interfaces, {wanted} are wanted",
            "set gpu_node_group.efa.enabled to false, or fewer gpu_node_group.efa.interfaces",
        )
    return ok(TITLE, f"{wanted} of {most} EFA interfaces wanted")


CHECK = Check(TITLE, ("ec2:DescribeInstanceTypes",), _look)
