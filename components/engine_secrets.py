"""Secrets of the engines, written by the External Secrets Operator where a store is named."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import apiextensions, meta


def external_secrets(
    name: str,
    secrets: Sequence[str],
    *,
    store: str,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> list[apiextensions.CustomResource]:
    """One ExternalSecret each, from the entry of the store that has the Secret's name.

    Values never pass through Pulumi: neither its state nor its log has them.
    """
    return [
        apiextensions.CustomResource(
            f"{name}-{secret}",
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata=meta.v1.ObjectMetaArgs(
                name=secret,
                namespace=namespace,
                annotations={"pulumi.com/waitFor": "condition=Ready"},
            ),
            spec={
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
                "target": {"name": secret, "creationPolicy": "Owner"},
                "dataFrom": [{"extract": {"key": secret}}],
            },
            opts=opts,
        )
        for secret in secrets
    ]
