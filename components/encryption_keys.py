"""KMS keys of a stack: rotated, deleted only after a month, never by accident."""

import json
from collections.abc import Sequence

import pulumi
from pulumi_aws import kms


def key(
    name: str,
    description: str,
    *,
    parent: pulumi.Resource,
    protect: bool,
    policy: str | None = None,
) -> kms.Key:
    """A key and its alias; without `policy` it is IAM that says who may use it."""
    made = kms.Key(
        name,
        description=description,
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=policy,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    kms.Alias(
        name,
        name=f"alias/{name}",
        target_key_id=made.key_id,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return made


def key_policy_through_services(account_id: str, region: str, services: Sequence[str]) -> str:
    """Whoever may use a service of the account may use the key through it, and only so.

    As the policies of AWS' own keys say it (aws/ebs, aws/fsx). Auto Scaling launches
    nodes by its service-linked role; a policy that named the role would be refused in an
    account where nothing has been scaled yet.
    """
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AdministeredByTheAccount",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                },
                {
                    "Sid": "UsedThroughServices",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [
                        *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"),
                        *("kms:CreateGrant", "kms:DescribeKey"),
                    ],
                    "Resource": "*",
                    "Condition": {
                        "StringEquals": {
                            "kms:CallerAccount": account_id,
                            "kms:ViaService": [
                                f"{name}.{region}.amazonaws.com" for name in services
                            ],
                        }
                    },
                },
            ],
        }
    )
