"""Prices of what runs by the hour: on demand, Linux, shared tenancy, in US dollars.

AS_OF is the day of the GPU prices; the others have theirs beside them. What is missing here has
no price that was found, and the answer is then None: never that of another region. Capacity
Blocks are missing on purpose, since their price is set at each sale.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

AS_OF = date(2026, 8, 26)
CURRENCY = "USD"
SOURCE = "https://aws.amazon.com/ec2/pricing/on-demand/"

_US = ("us-east-1", "us-east-2", "us-west-2")

# GPU instances: AWS's price list as instances.vantage.sh showed it on 2026-08-26 (copy:
# github.com/tsaol/aws-gpu, data/p4d_instances.js and data/p4de_instances.js). us-east-1 is also
# what AWS's own file for the page above said, published 2026-09-25. All are after the cut of
# June 2025.
_P4D = {
    "ap-northeast-1": 30.09784,
    "ap-northeast-2": 30.41028,
    "ap-south-1": 26.3444,
    "ap-southeast-1": 26.34917,
    "ap-southeast-2": 28.54493,
    "ca-central-1": 25.25174,
    "eu-central-1": 27.43298,
    "eu-north-1": 23.71569,
    "eu-west-1": 23.71569,
    "eu-west-2": 28.54493,
    "sa-east-1": 35.5569,
    "us-east-1": 21.957642,
    "us-east-2": 21.95764,
    "us-gov-west-1": 26.3511,
    "us-west-2": 21.95764,
}
_P4DE = {
    "ap-northeast-1": 37.6223,
    "ap-southeast-1": 32.93646,
    "eu-central-1": 34.29122,
    "il-central-1": 35.57346,
    "us-east-1": 27.44705,
    "us-west-2": 27.44705,
}
# SkyPilot's copy of AWS's price list (github.com/skypilot-org/skypilot-catalog,
# catalogs/v7/aws/vms.csv, commit 27f67dd4), where m6i.2xlarge is twice m6i.xlarge in each region.
_M6I_XLARGE = {
    "ap-northeast-1": 0.248,
    "ap-northeast-2": 0.236,
    "ap-south-1": 0.202,
    "ap-southeast-1": 0.24,
    "ap-southeast-2": 0.24,
    "ca-central-1": 0.214,
    "eu-central-1": 0.23,
    "eu-north-1": 0.204,
    "eu-west-1": 0.214,
    "eu-west-2": 0.222,
    **dict.fromkeys(_US, 0.192),
}
_INSTANCES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "p4d.24xlarge": _P4D,
        "p4de.24xlarge": _P4DE,
        "m6i.xlarge": _M6I_XLARGE,
        "m6i.2xlarge": {region: 2 * usd for region, usd in _M6I_XLARGE.items()},
    }
)

# aws.amazon.com/eks/pricing on 2026-10-06: the same in each commercial region, for a version of
# Kubernetes in standard support.
_EKS_CLUSTER = dict.fromkeys(
    {region for regions in _INSTANCES.values() for region in regions} - {"us-gov-west-1"}, 0.10
)
# Virginia: AWS's price list of 2025-10; Ohio: the example of aws.amazon.com/vpc/pricing on
# 2026-09-20; Oregon: AWS's calculator; Ireland: AWS's price list of 2026-09-25.
_NAT_GATEWAY = {**dict.fromkeys(_US, 0.045), "eu-west-1": 0.048}
# Per zone. Virginia: AWS's price list of 2025-10; Oregon: that of 2026-10-06.
_INTERFACE_ENDPOINT = dict.fromkeys(("us-east-1", "us-west-2"), 0.01)


def instance_usd_per_hour(instance_type: str, region: str) -> float | None:
    return _INSTANCES.get(instance_type, {}).get(region)


def eks_cluster_usd_per_hour(region: str) -> float | None:
    return _EKS_CLUSTER.get(region)


def nat_gateway_usd_per_hour(region: str) -> float | None:
    """Without what it asks for each gigabyte."""
    return _NAT_GATEWAY.get(region)


def interface_endpoint_usd_per_hour(region: str) -> float | None:
    """In one zone, without what it asks for each gigabyte."""
    return _INTERFACE_ENDPOINT.get(region)
