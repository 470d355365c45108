"""What a pod can have of a node: what is left when kernel, kubelet and EFA have taken theirs.

Sources: Karpenter's VM_MEMORY_OVERHEAD_PERCENT (7.5 %) for kernel and hypervisor;
amazon-eks-ami, nodeadm/internal/kubelet/config.go, for kube-reserved and eviction;
EKS user guide, "node-efa", for the huge pages that the EFA driver allocates.
"""

from catalog.instance_types import GpuInstanceType

VM_OVERHEAD_PER_MILLE = 75
EFA_HUGE_PAGES_MIB = 5128 * 2
EVICTION_MEMORY_MIB = 100

_MOST_PODS = 737
"""Of eni-max-pods.txt: kube-reserved grows with them, and p4d has the most."""
_DAEMONSETS_MIB = 2048
_DAEMONSETS_VCPUS = 4


def allocatable_memory_mib(memory_mib: int, *, pods: int, efa: bool) -> int:
    """Allocatable memory of a node whose instance type has `memory_mib`.

    `pods` is the number that eni-max-pods.txt has for the type.
    """
    visible_mib = memory_mib * (1000 - VM_OVERHEAD_PER_MILLE) // 1000
    huge_mib = EFA_HUGE_PAGES_MIB if efa else 0
    return visible_mib - (255 + 11 * pods) - EVICTION_MEMORY_MIB - huge_mib


def memory_for_pods_gib(node: GpuInstanceType, *, efa: bool) -> int:
    """GiB that model servers on one node can have together, beside the DaemonSets."""
    free_mib = allocatable_memory_mib(node.memory_mib, pods=_MOST_PODS, efa=efa)
    return (free_mib - _DAEMONSETS_MIB) // 1024


def cpus_for_pods(node: GpuInstanceType) -> int:
    """Cores that model servers on one node can have together."""
    return node.vcpu - _DAEMONSETS_VCPUS
