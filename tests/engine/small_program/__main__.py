"""A program as quick as can be with all that a promotion looks at: settings in, `release` out.

Stacks share the sandbox's one cluster, each in a namespace of its own. What would take AWS is
declared as components of the same types: the state shows them, and no provider is asked.
"""

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from stacks import current
from stacks.released import moved_values, released

settings = current.settings()
stack = pulumi.get_stack()
server, gpus = settings.model_server, settings.gpu_node_group
provider = kubernetes.Provider(
    "kubernetes",
    kubeconfig=(Path(os.environ["MOE_SANDBOX_DIR"]) / "kubeconfig").read_text(),
    cluster_identifier=stack,
    enable_config_map_mutable=True,
)
in_cluster = pulumi.ResourceOptions(provider=provider)
NAMESPACE = f"small-{stack}"
namespace = kubernetes.core.v1.Namespace(stack, metadata={"name": NAMESPACE}, opts=in_cluster)
in_namespace = pulumi.ResourceOptions(provider=provider, depends_on=[namespace])


def metadata(name: str) -> dict[str, object]:
    # Forced: else server-side apply stops a preview where somebody has changed a value by hand.
    annotations = {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true"}
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": stack}
    return {
        "name": name,
        "namespace": NAMESPACE,
        "labels": labels,
        "annotations": annotations,
    }


kubernetes.core.v1.ConfigMap(
    "released", metadata=metadata("released"), data=moved_values(settings), opts=in_namespace
)
kubernetes.core.v1.PersistentVolumeClaim(
    "weights",
    metadata=metadata("weights"),
    spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    opts=in_namespace,
)
GPUS = {"nvidia.com/gpu": "1"}
kubernetes.apps.v1.Deployment(
    "engine",
    metadata=metadata("engine"),
    spec={
        "replicas": 0,
        "selector": {"matchLabels": {"app.kubernetes.io/name": "engine"}},
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/name": "engine"}},
            "spec": {
                "containers": [
                    {
                        "name": "engine",
                        "image": server.image.replace("vllm-openai", "example"),
                        "args": ["--revision", server.revision],
                        "resources": {"limits": GPUS, "requests": GPUS},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                            "runAsNonRoot": True,
                            "runAsUser": 2000,
                        },
                    }
                ],
            },
        },
    },
    opts=in_namespace,
)
for name, ami_type, release_version in (
    ("gpu", "AL2023_x86_64_NVIDIA", gpus.ami_release_version),
    ("system", "AL2023_x86_64_STANDARD", settings.cluster.system_ami_release_version),
):
    properties = {
        "amiType": ami_type,
        "releaseVersion": release_version,
        "instanceTypes": [settings.cluster.system_instance_type],
        "region": settings.aws.region,
        "scalingConfig": {"desiredSize": 1, "maxSize": 1, "minSize": 1},
    }
    group = pulumi.ComponentResource("aws:eks/nodeGroup:NodeGroup", name, properties)
    group.register_outputs(properties)

pulumi.export("release", released(settings).model_dump())
