"""Service quotas of EC2, of which moto knows none."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend, servicequotas_backends

SERVICE = "ec2"
# In vCPUs: sixteen p4d.24xlarge, or eight p5.48xlarge. A new account of AWS has far less.
_QUOTAS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {"L-417A185B": ("Running On-Demand P instances", 1536.0)}
)

_of_moto = ServiceQuotasBackend.get_service_quota


def _get_service_quota(
    self: ServiceQuotasBackend, service_code: str, quota_code: str
) -> dict[str, Any]:
    if service_code != SERVICE:
        return _of_moto(self, service_code, quota_code)
    if quota_code not in _QUOTAS:
        raise NoSuchResource
    name, default = _QUOTAS[quota_code]
    place = f"{self.region_name}:{self.account_id}"
    return {
        "ServiceCode": SERVICE,
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:{self.partition}:servicequotas:{place}:{SERVICE}/{quota_code}",
        "QuotaCode": quota_code,
        "QuotaName": name,
        "Value": _values(self).get(quota_code, default),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _values(backend: ServiceQuotasBackend) -> dict[str, float]:
    """What was set in this region; a reset empties the backend's attributes."""
    found: dict[str, float] = vars(backend).setdefault("ec2_quotas", {})
    return found


def set_service_quota(code: str, value: float, account_id: str = DEFAULT_ACCOUNT_ID) -> None:
    """Set a quota of EC2 in every region of the account, until moto is reset."""
    if code not in _QUOTAS:
        raise ValueError(f"no quota {code}; there are {', '.join(_QUOTAS)}")
    regions = servicequotas_backends[account_id]
    for region in regions.regions:
        _values(regions[region])[code] = value


def install() -> None:
    ServiceQuotasBackend.get_service_quota = _get_service_quota  # type: ignore[method-assign]
