import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES as MOTO

from catalog.instance_types import INSTANCE_TYPES, GpuInstanceType, instance_type


@pytest.mark.parametrize("entry", INSTANCE_TYPES.values(), ids=lambda e: e.name)
def test_entry_is_what_ec2_says(entry: GpuInstanceType) -> None:
    ec2 = MOTO[entry.name]
    (gpu,) = ec2["GpuInfo"]["Gpus"]
    assert entry.gpu_count == gpu["Count"]
    assert entry.gpu_memory_mib == gpu["MemoryInfo"]["SizeInMiB"]
    assert "A100" in gpu["Name"]
    assert entry.vcpu == ec2["VCpuInfo"]["DefaultVCpus"]
    assert entry.memory_mib == ec2["MemoryInfo"]["SizeInMiB"]
    assert entry.network_cards == ec2["NetworkInfo"]["MaximumNetworkCards"]
    assert entry.network_cards == ec2["NetworkInfo"]["EfaInfo"]["MaximumEfaInterfaces"]
    assert entry.local_nvme_gb == ec2["InstanceStorageInfo"]["TotalSizeInGB"]


def test_unknown_type_names_what_exists() -> None:
    with pytest.raises(ValueError, match="'p4'.*allowed: p4d.24xlarge, p4de.24xlarge"):
        instance_type("p4")
