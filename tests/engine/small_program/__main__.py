"""A program as quick as can be with all that a promotion looks at: settings in, `release` out.

Stacks share the sandbox's one cluster, each in a namespace of its own.
"""

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from stacks import current
from stacks.released import moved_values, released

settings = current.settings()
stack = pulumi.get_stack()
provider = kubernetes.Provider(
    "kubernetes",
    kubeconfig=(Path(os.environ["MOE_SANDBOX_DIR"]) / "kubeconfig").read_text(),
    cluster_identifier=stack,
    enable_config_map_mutable=True,
)
in_cluster = pulumi.ResourceOptions(provider=provider)
namespace = kubernetes.core.v1.Namespace(
    stack, metadata={"name": f"small-{stack}"}, opts=in_cluster
)
kubernetes.core.v1.ConfigMap(
    "released",
    metadata={"name": "released", "namespace": namespace.metadata.name},
    data=moved_values(settings),
    opts=in_cluster,
)
kubernetes.core.v1.PersistentVolumeClaim(
    "weights",
    metadata={
        "name": "weights",
        "namespace": namespace.metadata.name,
        "annotations": {"pulumi.com/skipAwait": "true"},
    },
    spec={
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
    opts=in_cluster,
)

pulumi.export("release", released(settings).model_dump())
