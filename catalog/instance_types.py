"""GPU instance types: what one node has.

Figures are EC2's own (`ec2 describe-instance-types`); a test holds each of
them against the table that moto ships, so a typing slip cannot live here.
"""

from dataclasses import dataclass
from types import MappingProxyType

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class GpuInstanceType:
    """One EC2 instance type with GPUs.

    `network_cards` is also the number of EFA interfaces that the type takes;
    `gpu_memory_mib` is one GPU's memory as EC2 states it.
    """

    name: str
    gpu_name: str
    gpu_count: int
    gpu_memory_mib: int
    vcpu: int
    memory_mib: int
    network_cards: int
    local_nvme_gb: int

    @property
    def gpu_memory_gib(self) -> float:
        return self.gpu_memory_mib / 1024

    @property
    def memory_gib(self) -> float:
        return self.memory_mib / 1024


P4D = GpuInstanceType(
    name="p4d.24xlarge",
    gpu_name="A100-SXM4-40GB",
    gpu_count=8,
    gpu_memory_mib=40960,
    vcpu=96,
    memory_mib=1152 * 1024,
    network_cards=4,
    local_nvme_gb=8000,
)

P4DE = GpuInstanceType(
    name="p4de.24xlarge",
    gpu_name="A100-SXM4-80GB",
    gpu_count=8,
    gpu_memory_mib=81920,
    vcpu=96,
    memory_mib=1152 * 1024,
    network_cards=4,
    local_nvme_gb=8000,
)

INSTANCE_TYPES = MappingProxyType({t.name: t for t in (P4D, P4DE)})


def instance_type(name: str) -> GpuInstanceType:
    """The catalogue entry of `name`; a ValueError names the types that exist."""
    try:
        return INSTANCE_TYPES[name]
    except KeyError:
        known = ", ".join(INSTANCE_TYPES)
        raise ValueError(f"unknown instance type {name!r}; allowed: {known}") from None
