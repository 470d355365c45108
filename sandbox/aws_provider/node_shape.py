"""What a node of an EC2 instance type offers to Kubernetes: capacity and allocatable.

Sources of the formulas, by the names of their projects:
- pods: amazon-eks-ami, eni-max-pods.txt: interfaces x (IPv4 addresses per interface - 1) + 2, where
  only the interfaces of the default network card count; for managed node groups EKS caps it at 110
  below 30 vCPUs and at 250 from there on.
- memory: catalog/node_capacity.py.
- kube-reserved: amazon-eks-ami, nodeadm/internal/kubelet/config.go: memory by the pods of that
  table (not of EKS's cap), CPU 6 % of the first core, 1 % of the next, 0.5 % of the next two,
  0.25 % of the rest, ephemeral storage 1 GiB.
- hard eviction: nodeadm's kubelet configuration: node file system 10 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.node_capacity import (
    EFA_HUGE_PAGES_MIB,
    VM_OVERHEAD_PER_MILLE,
    allocatable_memory_mib,
)

KUBE_RESERVED_STORAGE_GIB = 1
SMALL_INSTANCE_VCPUS = 30
MAX_PODS_SMALL, MAX_PODS_LARGE = 110, 250


@dataclass(frozen=True)
class NodeShape:
    """Resource name -> Kubernetes quantity, as a Node's status holds them."""

    capacity: dict[str, str]
    allocatable: dict[str, str]
    architecture: str


def node_shape(instance: Mapping[str, Any], efa_interfaces: int, disk_gib: int) -> NodeShape:
    """From an entry of DescribeInstanceTypes, the EFA interfaces and the node's own disk."""
    vcpus = int(instance["VCpuInfo"]["DefaultVCpus"])
    memory_mib = int(instance["MemoryInfo"]["SizeInMiB"]) * (1000 - VM_OVERHEAD_PER_MILLE) // 1000
    pods_by_addresses = max_pods(instance)
    pods = min(
        pods_by_addresses, MAX_PODS_SMALL if vcpus < SMALL_INSTANCE_VCPUS else MAX_PODS_LARGE
    )
    huge_mib = EFA_HUGE_PAGES_MIB if efa_interfaces else 0
    free_mib = allocatable_memory_mib(
        int(instance["MemoryInfo"]["SizeInMiB"]), pods=pods_by_addresses, efa=bool(efa_interfaces)
    )
    free_disk_gib = disk_gib - disk_gib // 10 - KUBE_RESERVED_STORAGE_GIB
    extended = {
        "nvidia.com/gpu": gpu_count(instance),
        "vpc.amazonaws.com/efa": efa_interfaces,
    }
    same = {
        "pods": str(pods),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": f"{huge_mib}Mi",
        **{name: str(count) for name, count in extended.items() if count},
    }
    return NodeShape(
        capacity={
            "cpu": str(vcpus),
            "memory": f"{memory_mib}Mi",
            "ephemeral-storage": f"{disk_gib}Gi",
            **same,
        },
        allocatable={
            "cpu": f"{vcpus * 1000 - reserved_millicpus(vcpus)}m",
            "memory": f"{free_mib}Mi",
            "ephemeral-storage": f"{free_disk_gib}Gi",
            **same,
        },
        architecture=architecture(instance),
    )


def max_pods(instance: Mapping[str, Any]) -> int:
    """The pods that can have an address of their own."""
    network = instance["NetworkInfo"]
    cards = network.get("NetworkCards") or []
    default = network.get("DefaultNetworkCardIndex", 0)
    interfaces = next(
        (card["MaximumNetworkInterfaces"] for card in cards if card["NetworkCardIndex"] == default),
        network["MaximumNetworkInterfaces"],
    )
    return int(interfaces) * (int(network["Ipv4AddressesPerInterface"]) - 1) + 2


def reserved_millicpus(vcpus: int) -> int:
    """kube-reserved CPU in thousandths of a core; the shares are per 10,000 of each core."""
    shares = [600, 100, 50, 50] + [25] * max(0, vcpus - 4)
    return sum(shares[:vcpus]) // 10


def gpu_count(instance: Mapping[str, Any]) -> int:
    gpus = instance.get("GpuInfo", {}).get("Gpus", [])
    return sum(int(gpu["Count"]) for gpu in gpus if gpu["Manufacturer"].lower() == "nvidia")


def architecture(instance: Mapping[str, Any]) -> str:
    names = instance["ProcessorInfo"]["SupportedArchitectures"]
    return "arm64" if "arm64" in names else "amd64"
