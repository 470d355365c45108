"""The AWS services that the checks read, with the credentials and endpoints of the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_resource_groups import ResourceGroupsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sts import STSClient

# A person waits for the answer: a service that does not answer is a row, not a long silence.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})


@dataclass(frozen=True, slots=True)
class Clients:
    """One client a service, all of one region."""

    ec2: EC2Client
    eks: EKSClient
    resource_groups: ResourceGroupsClient
    s3: S3Client
    service_quotas: ServiceQuotasClient
    sts: STSClient

    @classmethod
    def connect(cls, region: str) -> Clients:
        """Calls nothing yet. Raises BotoCoreError, as for an AWS_PROFILE that does not exist."""
        session = boto3.Session(region_name=region)
        return cls(
            ec2=session.client("ec2", config=_CONFIG),
            eks=session.client("eks", config=_CONFIG),
            resource_groups=session.client("resource-groups", config=_CONFIG),
            s3=session.client("s3", config=_CONFIG),
            service_quotas=session.client("service-quotas", config=_CONFIG),
            sts=session.client("sts", config=_CONFIG),
        )
